// SPDX-License-Identifier: Apache-2.0
// Any bytes as a compressed message: the answer does not depend on how input and output are split,
// never passes the limit, and the next message is not disturbed. The same bytes as text: compressed
// and back. Input: a byte for window and limit, a byte for the size of pieces, then the message.
#include <string>

#include "proto/websocket_deflate.h"
#include "tests/fuzz/require.h"

namespace {

using nuring::proto::DeflateWindow;
using nuring::proto::WebsocketDeflater;
using nuring::proto::WebsocketInflater;
using nuring::test::require;
using Status = WebsocketInflater::Status;

constexpr uint64_t kLimit = 1U << 20;

struct Result {
    Status status = Status::kNeedInput;
    std::string text;
};

Result run(WebsocketInflater* inflater, std::string_view message, size_t piece, size_t room,
           uint64_t limit) {
    Result result;
    inflater->begin_message(limit);
    std::string out(room, '\0');
    size_t at = 0;
    do {
        std::string_view input = message.substr(at, piece);
        at += input.size();
        const bool last = at == message.size();
        do {
            size_t written = 0;
            const size_t before = input.size();
            result.status = inflater->take(&input, last, out.data(), room, &written);
            require(written <= room, "output stays in its room");
            require(result.status != Status::kMore || written > 0 || before > input.size() || last,
                    "no idling");
            result.text.append(out, 0, written);
            require(result.text.size() <= limit, "the limit holds");
        } while (result.status == Status::kMore);
        if (result.status != Status::kNeedInput) break;
        require(input.empty(), "a piece is used up");
    } while (at < message.size());
    require(result.status != Status::kNeedInput, "a message has an end");
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size < 2) return 0;
    const auto window =
        (bytes[0] & 1) != 0 ? DeflateWindow::kPerConnection : DeflateWindow::kPerMessage;
    const uint64_t limit = (bytes[0] & 2) != 0 ? 100 : kLimit;
    const std::string_view message = nuring::test::view_of(bytes + 2, size - 2);

    WebsocketInflater inflater(window);
    const Result whole = run(&inflater, message, message.size() + 1, 65536, limit);
    WebsocketInflater other(window);
    const Result split = run(&other, message, size_t{1} + bytes[1], 97, limit);
    require(whole.status == split.status, "same answer in pieces");
    require(whole.status != Status::kDone || whole.text == split.text, "same text in pieces");

    if (message.empty()) return 0;
    WebsocketDeflater deflater(window);
    std::string packed(WebsocketDeflater::bound(message.size()), '\0');
    packed.resize(deflater.add(message, true, packed.data(), packed.size()));
    if (window == DeflateWindow::kPerConnection && whole.status != Status::kDone) return 0;
    const Result back = run(&inflater, packed, 61, 4096, kLimit);
    require(back.status == Status::kDone || message.size() > kLimit,
            "what was compressed is complete");
    require(back.text == message || message.size() > kLimit, "and comes back");
    return 0;
}
