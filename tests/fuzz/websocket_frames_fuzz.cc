// SPDX-License-Identifier: Apache-2.0
// What a stranger sends to the WebSocket port: events do not depend on how the input is split, and
// hold no more than it did. Input: a byte that chooses masks and compression, a byte for the size of
// pieces, then frames.
#include <string>

#include "proto/websocket_frames.h"
#include "tests/fuzz/require.h"

namespace {

using nuring::proto::WebsocketEvent;
using nuring::proto::WebsocketReader;
using nuring::test::require;
using Kind = WebsocketEvent::Kind;

constexpr size_t kByteWiseMax = 4096;

void add_marked(char mark, std::string_view payload, std::string* out) {
    *out += mark;
    out->append(std::to_string(payload.size())).append(":").append(payload);
}

// Everything that the reader says of a stream; payload joined, however it was split.
std::string transcript(WebsocketReader::Masks masks, bool compression, std::string stream,
                       size_t piece) {
    WebsocketReader reader(masks, compression);
    std::string text;
    std::string message;
    size_t events = 0;
    for (size_t at = 0; at < stream.size(); at += piece) {
        char* begin = stream.data() + at;
        char* end = stream.data() + std::min(at + piece, stream.size());
        for (;;) {
            char* const before = begin;
            const WebsocketEvent event = reader.next(begin, end);
            require(begin >= before && begin <= end,
                    "the reader moves forward inside of the input");
            if (event.kind == Kind::kNeedMore) {
                require(begin == end, "all input is taken");
                break;
            }
            require(++events <= 2 * stream.size() + 2, "each event costs bytes");
            if (event.kind == Kind::kPayload) {
                require(event.payload.size() <= static_cast<size_t>(begin - before),
                        "payload is input");
                require(compression || !event.compressed, "nothing is compressed unless agreed");
                message += event.payload;
                if (!event.message_end) continue;
                add_marked(event.compressed ? 'z' : 'm', message, &text);
                message.clear();
                continue;
            }
            require(event.payload.size() <= nuring::proto::kWebsocketControlPayloadMax,
                    "control is short");
            if (event.kind == Kind::kPing) add_marked('i', event.payload, &text);
            if (event.kind == Kind::kPong) add_marked('o', event.payload, &text);
            if (event.kind == Kind::kClose) {
                add_marked(event.text_is_utf8 ? 'c' : 'x', event.payload, &text);
                return text + std::to_string(event.number) + message;
            }
            if (event.kind == Kind::kError) {
                const std::string why = to_text(event.error, event.number);
                require(!why.empty(), "an error has a text");
                return text + why + message;
            }
        }
    }
    return text + message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size < 2) return 0;
    const auto masks = static_cast<WebsocketReader::Masks>(bytes[0] % 3);
    const bool compression = (bytes[0] & 4) != 0;
    const std::string stream(nuring::test::view_of(bytes + 2, size - 2));
    const std::string whole = transcript(masks, compression, stream, stream.size() + 1);
    require(whole == transcript(masks, compression, stream, size_t{1} + bytes[1]),
            "same in pieces");
    if (stream.size() <= kByteWiseMax) {
        require(whole == transcript(masks, compression, stream, 1), "same byte by byte");
    }
    return 0;
}
