// SPDX-License-Identifier: Apache-2.0
// The header by which a service of another account learns who asks: its value is a JSON object.
#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "proto/json_parser.h"

namespace nuring::proto {

inline constexpr std::string_view kRequestInfoHeader = "Nats-Request-Info";

// The other name of an account (empty: the JSON names none); null: it keeps its own.
using OtherName = absl::FunctionRef<const std::string*(std::string_view account)>;

// Writes that JSON with its account (`acc`) under the other name. False: it stays as it is, since it is no
// object, or its account keeps its name.
// Source: checkLeafClientInfoHeader and bindLeafClientInfoHeader in server/client.go 2.15.3.
[[nodiscard]] bool rename_requestor(std::string_view json, OtherName other_name, JsonParser* parser,
                                    std::string* out);

}  // namespace nuring::proto
