// SPDX-License-Identifier: Apache-2.0
// Text for people: what a peer sent, made safe for -ERR frames and log lines.
// Threads: any. Errors: none. These allocate; they are for cold paths.
#pragma once

#include <string>
#include <string_view>

namespace nuring::proto {

// "text" in double quotes with Go's escapes (fmt's %q): \n \" \\ \x1b \u00ad, invalid UTF-8 as
// \xff. Printable means what Go's table says for ASCII and Latin-1; above, controls, blanks,
// private use and what is never assigned are escaped, the rest is taken for printable.
std::string quote(std::string_view text);

// One byte in single quotes, as Go's JSON errors have it: 'x' '\'' '"' '\n'.
std::string quote_byte(char byte);

// The traced form of a CONNECT line: the values behind keys that begin with pass or auth_token, and
// behind sig, proxy_sig, nkey and jwt (a bearer's token), become [REDACTED]; every one of them,
// well-formed JSON or not. All of it does if there is a \u escape in it, behind which a key may hide.
// Source: server/client.go 2.14 (removeSecretsFromTrace); here the keys are also found in capitals,
// since CONNECT takes them so, a value ends where its string does, not at the first comma, and a list or
// object in the place of a secret is hidden with all that follows.
std::string redact(std::string_view connect);

}  // namespace nuring::proto
