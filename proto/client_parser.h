// SPDX-License-Identifier: Apache-2.0
// Bytes of a client connection in, one operation out.
//
//   PUB orders.new _INBOX.x 5\r\nhello\r\n
//   |<------- line_size ------->|<size>|
//   |<------------- consumed ----------->|
//
// parse_client() is a pull parser without state: it looks at the bytes from the start of an
// operation and answers with that operation, with "more bytes are needed", or with what is wrong.
// The caller keeps what was not consumed and calls again, from the same start, when more has come.
// Operations hold views into the input; they live as long as the caller keeps those bytes.
//
// Threads: any; no state. Nothing is allocated.
// Limits:  ClientParseLimits; a control line is bounded even while incomplete.
// Errors:  ParseStatus, as soon as the offending byte is there: the answer for an input never depends on how
//          it was split over calls.
// Source:  server/parser.go and server/client.go 2.0.0-RC19; HPUB, the limit for complete lines and
//          the 64-bit size compare as since 2.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/limits.h"

namespace nuring::proto {

enum class ClientVerb : uint8_t {
    kPublish,
    kHeaderPublish,
    kSubscribe,
    kUnsubscribe,
    kPing,
    kPong,
    kConnect,
    kInfo,
    kOk,
    kError,
};

inline constexpr size_t kClientVerbCount = 10;

// The verb in capitals: "PUB".
std::string_view to_text(ClientVerb verb);

enum class [[nodiscard]] ParseStatus : uint8_t{
    kOperation,         // `consumed` bytes are one operation
    kNeedMore,          // see `needed_bytes` and `scanned_bytes`
    kUnknownOperation,  // bad verb or payload end; `error_offset`. -ERR kErrUnknownOperation, close
    kControlLineTooLong,  // -ERR kErrControlLineExceeded, close
    kPayloadTooLarge,     // see `claimed_size`; -ERR kErrPayloadViolation, close
    // Logged with `args`, closed without -ERR:
    kBadPublishArgs,
    kBadPublishSize,
    kBadHeaderPublishArgs,
    kBadHeaderPublishHeaderSize,
    kBadHeaderPublishTotalSize,
    kBadHeaderPublishSizes,  // header size > total size
    kBadSubscribeArgs,
    kBadUnsubscribeArgs,
};

// The reference's log text of an argument error, which goes on with the quoted args
// ("processPub Parse Error: "); empty for the others.
std::string_view log_text(ParseStatus status);

struct ClientParseLimits {
    uint32_t control_line_max = kControlLineSizeDefault;  // bytes of a line's argument part
    int64_t payload_max = kPayloadSizeDefault;            // bytes, or kPayloadUnlimited
};

// ClientOperation is the answer; the caller may use one object for ever. The fields named for the
// verb and the status are set, the others are undefined.
struct ClientOperation {
    ClientVerb verb = ClientVerb::kPing;

    // PUB, HPUB: the line is single-spaced up to a CRLF, so that frame_tail() may be used.
    bool canonical = false;

    uint32_t line_size = 0;  // all: bytes of the control line with its line end

    uint32_t header_size = 0;  // PUB (0), HPUB
    uint32_t total_size = 0;   // PUB, HPUB: headers and body, without the CRLF

    size_t consumed = 0;  // kOperation

    std::string_view subject;       // PUB, HPUB, SUB
    std::string_view reply;         // PUB, HPUB; may be empty
    std::string_view size_text;     // PUB, HPUB: total size as the client wrote it
    const char* payload = nullptr;  // PUB, HPUB

    std::string_view queue;       // SUB; may be empty
    std::string_view sid;         // SUB, UNSUB
    int64_t unsubscribe_max = 0;  // UNSUB: messages since the SUB; 0 = now

    // The raw argument text: without blanks in front, as written otherwise. Everything but a
    // successful PUB or HPUB; CONNECT and INFO: the JSON; -ERR: its text.
    std::string_view args;

    size_t needed_bytes = 0;   // kNeedMore: size of the whole operation, 0 = not known yet
    size_t scanned_bytes = 0;  // kNeedMore: pass to the next call; these bytes hold no line end
    size_t error_offset = 0;   // kUnknownOperation: the offending byte
    int64_t claimed_size = 0;  // kPayloadTooLarge; saturated

    // The input from the blank after the subject to the end of the operation:
    // " [reply ]size\r\npayload\r\n", which is just how a MSG frame ends after its sid.
    std::string_view frame_tail() const {
        const char* from = subject.data() + subject.size();
        return {from, static_cast<size_t>(payload + total_size + kLineEndSize - from)};
    }
    // The raw argument text of a PUB or HPUB, for traces.
    std::string_view publish_args() const {
        const char* to = size_text.data() + size_text.size();
        return {subject.data(), static_cast<size_t>(to - subject.data())};
    }
};

// Parses the one operation that starts at `begin`. `scanned_bytes`: the value that the last
// kNeedMore for the same operation gave, else 0.
ParseStatus parse_client(const char* begin, const char* end, const ClientParseLimits& limits,
                         ClientOperation* out, size_t scanned_bytes = 0);

}  // namespace nuring::proto
