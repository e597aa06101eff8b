// SPDX-License-Identifier: Apache-2.0
// Client, as the services that it asks in other accounts are told of it.
#include "core/base/rfc3339.h"
#include "core/link/client.h"
#include "fmt/format.h"
#include "proto/json_text.h"

namespace nuring::link {

// Source: ClientInfo in server/events.go, getClientInfo in server/client.go 2.9.10; empty fields are
//         left out, except the account.
std::string Client::request_info(bool detailed, std::string_view service) const {
    std::string out;
    out.reserve(512);  // most fit: no growing step by step
    out = '{';
    const auto add = [&out](std::string_view key, std::string_view text) {
        if (text.empty()) return;
        if (out.size() > 1) out += ',';
        out += '"';
        out += key;
        out += "\":";
        proto::append_json_string(&out, text);
    };
    const auto add_number = [&out](std::string_view key, uint64_t number) {
        if (number == 0) return;
        if (out.size() > 1) out += ',';
        fmt::format_to(std::back_inserter(out), "\"{}\":{}", key, number);
    };
    if (detailed) {
        add("start", base::format_rfc3339(start_wall_ns()));
        add("host", peer_host());
        add_number("id", cid());
    }
    add("acc", account_->name());
    add("svc", service);
    if (detailed) {
        if (identity_ != nullptr) add("user", identity_->name);
        add("name", connect_.text(proto::ConnectText::kName));
        add("lang", connect_.text(proto::ConnectText::kLang));
        add("ver", connect_.text(proto::ConnectText::kVersion));
    }
    add_number("rtt", rtt_ns_);
    if (detailed) {
        add("server", links_.facts.info.server_name);
        add("kind", "Client");
        add("client_type", "nats");
    }
    out += '}';
    return out;
}

}  // namespace nuring::link
