// SPDX-License-Identifier: Apache-2.0
// The monitoring pages as requests of the system account: what may be asked under which name, and how the
// JSON of a request becomes the arguments of a page.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "monitor/event_writer.h"
#include "monitor/pages.h"
#include "proto/json_members.h"
#include "proto/json_parser.h"

namespace nuring::monitor {

// An argument of a request: a member of its JSON, and the parameter of the page that it becomes.
struct RequestOption {
    proto::JsonFieldType field;
    std::string_view parameter;
    std::string_view if_true;  // value for a bool that is true; one that is false is left out
};

struct SystemRequest {
    std::string_view name;  // last token of the subject
    MakePage make;          // null: STATSZ and its like, which have a form of their own
    std::string_view struct_name;
    std::span<const RequestOption> options;
};

// $SYS.REQ.SERVER.<id>.<name> and $SYS.REQ.SERVER.PING.<name>.
std::span<const SystemRequest> server_requests();
// $SYS.REQ.SERVER.<id>.<name> alone: requests that change something are never for all servers.
std::span<const SystemRequest> server_actions();
// $SYS.REQ.ACCOUNT.<account>.<name>: the page's parameter `acc` is the account.
std::span<const SystemRequest> account_requests();

// A request to all servers may be meant for others: by name, host, cluster, tags or domain (server_name,
// host, cluster, tags, domain in the JSON; with exact_match the first three as a whole, else a part of them).
enum class Answered { kNotForUs, kWithPage, kWithError };

// Writes {"server":{..},"data":..} or {"server":{..},"error":{"code","description"}} into *text. A request
// without a page has no data: its answer has a form of its own, unless it is an error.
// fixed: parameters that the subject has given; no JSON overrules them. Threads: that of the answers.
// Source: zReq and filterRequest in server/events.go 2.9.10.
Answered answer_request(const SystemRequest& request, std::string_view json,
                         const std::vector<std::pair<std::string, std::string>>& fixed,
                         const Sources& sources, EventWriter* writer, proto::JsonParser* parser,
                         std::string* text);

// JSON without blanks between its tokens.
std::string compact_json(std::string_view json);

}  // namespace nuring::monitor
