// SPDX-License-Identifier: Apache-2.0
// The facts about a user, for itself: the answer to $SYS.REQ.USER.INFO:
//     {"user","account","account_name","user_name","permissions","expires"}
// The names are those of tokens, in operator mode. Permissions are left out where everything is allowed,
// `expires` (ns that are left) where nothing ends.
// Threads: the client's worker. Errors: none. Source: userInfoReq in server/events.go 2.14.
#pragma once

#include <cstdint>

#include "proto/json_writer.h"

namespace nuring::auth {
class Trust;
}
namespace nuring::client {
class Client;
}

namespace nuring::monitor {

// trust: null outside operator mode.
void write_user_info(proto::JsonWriter* json, const client::Client& client, const auth::Trust* trust,
                     int64_t now_s);

}  // namespace nuring::monitor
