// SPDX-License-Identifier: Apache-2.0
// The JSON of a client's CONNECT.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proto/json_parser.h"

namespace nuring::proto {

// The text fields of a CONNECT.
enum class ConnectText : uint8_t {
    kAuthToken,
    kUser,
    kPass,
    kNkey,
    kSig,
    kJwt,
    kName,
    kLang,
    kVersion,
};

inline constexpr size_t kConnectTextCount = 9;

// ConnectTexts holds the text fields in one block of memory, and none while all are empty: most of
// a server's idle connections sent nothing but a name.
// Threads: one owner. Errors: none.
class ConnectTexts {
  public:
    using Views = std::array<std::string_view, kConnectTextCount>;

    std::string_view at(ConnectText field) const;
    Views views() const;
    // The views may point into this object.
    void assign(const Views& views);

  private:
    std::unique_ptr<char[]> block_;  // end offset of each text (uint32_t), then the texts
};

// ConnectOptions is what a client said about itself, or the defaults before it said anything.
// Source: server/client.go 2.0.0-RC19, clientOpts and its defaults in createClient.
struct ConnectOptions {
    bool verbose = true;
    bool pedantic = true;
    bool echo = true;
    bool tls_required = false;
    bool headers = false;        // since 2.2
    bool no_responders = false;  // since 2.2
    bool names_account = false;  // `account` or `new_account` was given: a violation since 2.7.2
    int64_t protocol = 0;        // 0 or 1; the caller refuses others
    ConnectTexts texts;

    std::string_view text(ConnectText field) const { return texts.at(field); }
};

// Merges the JSON over `options`: keys in any case, unknown ones ignored, the last of equal keys
// wins, null leaves a value. On error `options` stays and `error` is Go's message, which the
// reference logs before it closes the connection without -ERR.
JsonStatus parse_connect(std::string_view json, JsonParser* parser, ConnectOptions* options,
                         std::string* error);

}  // namespace nuring::proto
