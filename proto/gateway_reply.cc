// SPDX-License-Identifier: Apache-2.0
#include "proto/gateway_reply.h"

#include <algorithm>
#include <cassert>

#include "proto/base62.h"
#include "proto/subject.h"

namespace nuring::proto {
namespace {

constexpr size_t kServerAt = kGatewayRoutedReplyPrefix.size() + kGatewayHashSize + 1;
constexpr size_t kReplyAt = kServerAt + kGatewayHashSize + 1;
constexpr size_t kOldReplyAt = kGatewayReplyPrefix.size() + kOldGatewayHashSize + 1;

static_assert(ReplyOrigin::kSize == kReplyAt);

}  // namespace

std::string gateway_hash(std::span<const uint8_t> digest) {
    assert(digest.size() >= kGatewayHashSize);
    return base62_of(digest.first(kGatewayHashSize));
}

std::string old_gateway_hash(std::span<const uint8_t> digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    assert(digest.size() >= kOldGatewayHashSize / 2);
    std::string hash;
    for (size_t i = 0; i < kOldGatewayHashSize / 2; ++i) {
        hash += kDigits[digest[i] >> 4];
        hash += kDigits[digest[i] & 15];
    }
    return hash;
}

std::optional<GatewayReply> parse_gateway_reply(std::string_view subject) {
    if (subject.size() > kReplyAt && subject.starts_with(kGatewayRoutedReplyPrefix)) {
        return GatewayReply{.cluster = subject.substr(kGatewayRoutedReplyPrefix.size(), kGatewayHashSize),
                            .server = subject.substr(kServerAt, kGatewayHashSize),
                            .reply = subject.substr(kReplyAt)};
    }
    if (subject.size() > kOldReplyAt && subject.starts_with(kGatewayReplyPrefix)) {
        return GatewayReply{.cluster = subject.substr(kGatewayReplyPrefix.size(), kOldGatewayHashSize),
                            .server = {},
                            .reply = subject.substr(kOldReplyAt)};
    }
    return std::nullopt;
}

std::string_view without_gateway_prefix(std::string_view subject) {
    while (const auto reply = parse_gateway_reply(subject)) subject = reply->reply;
    return subject;
}

ReplyOrigin ReplyOrigin::of(std::string_view reply) {
    ReplyOrigin origin;
    if (reply.size() <= kSize || !reply.starts_with(kGatewayRoutedReplyPrefix)) return origin;
    std::copy_n(reply.begin(), kSize, origin.text_.begin());
    return origin;
}

ReplyOrigin ReplyOrigin::make(std::string_view cluster, std::string_view server) {
    assert(cluster.size() == kGatewayHashSize);
    assert(server.size() == kGatewayHashSize);
    std::string text(kGatewayRoutedReplyPrefix);
    text.append(cluster).append(".").append(server).append(".");
    assert(text.size() == kSize);
    ReplyOrigin origin;
    std::copy_n(text.begin(), kSize, origin.text_.begin());
    return origin;
}

}  // namespace nuring::proto
