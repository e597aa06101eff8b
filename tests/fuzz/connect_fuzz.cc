// SPDX-License-Identifier: Apache-2.0
// Any bytes as the JSON of a CONNECT: what is taken is JSON, taking it twice changes nothing, what
// is refused has a reason; and whatever it is, it can be quoted and redacted for the log.
#include <algorithm>

#include "proto/connect.h"
#include "proto/json_text.h"
#include "proto/quote.h"
#include "tests/fuzz/require.h"

namespace {

using namespace nuring::proto;
using nuring::test::require;

// A secret that stands in the text once, as it is, does not stand in its traced form. Where decoding changes
// a text (escapes, bytes that are no UTF-8), the value may look like some other part of the JSON.
void check_secrecy(std::string_view json, const ConnectOptions& options) {
    constexpr size_t kTellingSize = 9;  // shorter ones may be part of other words, or of [REDACTED]
    const auto decoding_changes = [](char c) { return c == '\\' || static_cast<uint8_t>(c) >= 0x80; };
    if (std::any_of(json.begin(), json.end(), decoding_changes)) return;
    const std::string traced = redact(json);
    for (const ConnectText field : {ConnectText::kPass, ConnectText::kAuthToken, ConnectText::kSig,
                                    ConnectText::kNkey, ConnectText::kJwt}) {
        const std::string_view secret = options.text(field);
        if (secret.size() < kTellingSize || json.find(secret) != json.rfind(secret)) continue;
        if (secret.find_first_of("[]") != secret.npos) continue;
        require(json.find(secret) == json.npos || traced.find(secret) == traced.npos, "no secret");
    }
}

void check_parse(std::string_view json) {
    JsonParser parser;
    ConnectOptions options;
    std::string error;
    switch (parse_connect(json, &parser, &options, &error)) {
        case JsonStatus::kOk: {
            require(json_syntax_error(json).empty(), "taken means right syntax");
            std::string texts;
            for (const std::string_view text : options.texts.views()) texts.append(text) += '\0';
            const int64_t protocol = options.protocol;
            require(parse_connect(json, &parser, &options, &error) == JsonStatus::kOk, "again");
            std::string again;
            for (const std::string_view text : options.texts.views()) again.append(text) += '\0';
            require(texts == again && protocol == options.protocol, "the same again");
            check_secrecy(json, options);
            break;
        }
        case JsonStatus::kBadJson:
            require(!error.empty(), "refused with a reason");
            break;
        case JsonStatus::kWrongType:
            require(json_syntax_error(json).empty(), "a type error means right syntax");
            require(!error.empty(), "refused with a reason");
            break;
    }
}

void check_texts(std::string_view text) {
    const std::string quoted = quote(text);
    require(quoted.size() >= text.size() + 2, "quoting loses nothing");
    for (const char c : quoted)
        require(static_cast<uint8_t>(c) >= ' ' && c != 0x7f, "is printable");
    require(redact(text).size() <= text.size() * sizeof "[REDACTED]", "each secret is replaced once");

    std::string json;
    append_json_string(&json, text);
    require(json_syntax_error(json).empty(), "our strings are JSON");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view input = nuring::test::view_of(bytes, size);
    check_parse(input);
    check_texts(input);
    return 0;
}
