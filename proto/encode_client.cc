// SPDX-License-Identifier: Apache-2.0
#include "proto/encode_client.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kErrStart = "-ERR '";
constexpr std::string_view kErrEnd = "'\r\n";
constexpr std::string_view kHmsgStart = "HMSG ";
constexpr std::string_view kNoRespondersEnd = " 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";

}  // namespace

char* encode_err(char* out, std::string_view text) {
    return append(append(append(out, kErrStart), text), kErrEnd);
}

size_t no_responders_frame_size(const NoResponders& to) {
    return kHmsgStart.size() + to.reply.size() + 1 + to.sid.size() + kNoRespondersEnd.size();
}

char* encode_no_responders(char* out, const NoResponders& to) {
    out = append(append(out, kHmsgStart), to.reply);
    *out++ = ' ';
    return append(append(out, to.sid), kNoRespondersEnd);
}

}  // namespace nuring::proto
