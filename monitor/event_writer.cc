// SPDX-License-Identifier: Apache-2.0
#include "monitor/event_writer.h"

#include "core/base/rfc3339.h"
#include "core/link/close_reason.h"
#include "core/ring/kernel_sockets.h"
#include "core/server/server_fields.h"
#include "monitor/write_link.h"
#include "proto/base62.h"
#include "proto/kind_facts.h"

namespace nuring::monitor {
namespace {

constexpr std::string_view kConnectType = "io.nats.server.advisory.v1.client_connect";
constexpr std::string_view kDisconnectType = "io.nats.server.advisory.v1.client_disconnect";
constexpr std::string_view kAccountType = "io.nats.server.advisory.v1.account_connections";

// 22 characters of base 62, as the reference's ids: unique, not secret.
std::string make_event_id(base::Prng* prng) {
    constexpr std::string_view kDigits = proto::kBase62Digits;
    std::string id(22, '0');
    for (char& c : id) c = kDigits[prng->below(static_cast<uint32_t>(kDigits.size()))];
    return id;
}

void write_client(proto::JsonWriter* json, const client::ConnectionSnapshot& client) {
    json->begin_object("client");
    json->field("start", base::format_rfc3339(client.start_ns));
    json->field("host", client.host);
    json->field("id", client.cid);
    json->field("acc", client.account);
    json->optional_field("user", client.user);
    json->optional_field("name", client.name);
    json->optional_field("lang", client.lang);
    json->optional_field("ver", client.version);
    if (client.stop_ns != 0) {  // not of one that connects, as the reference
        json->optional_field("rtt", client.rtt_ns);
        json->field("stop", base::format_rfc3339(client.stop_ns));
    }
    json->field("kind", proto::facts_of(client.kind).page_name);
    json->optional_field("client_type", client_type(client));
    json->end_object();
}

}  // namespace

void write_traffic(proto::JsonWriter* json, std::string_view key, uint64_t messages, uint64_t bytes) {
    json->begin_object(key);
    json->field("msgs", messages);
    json->field("bytes", bytes);
    json->end_object();
}

void EventWriter::write_server(proto::JsonWriter* json, const config::Options& options) {
    server::write_server_fields(json, server_, options, ring::realtime_ns());
}

void EventWriter::write_type(proto::JsonWriter* json, std::string_view type, base::Prng* prng) {
    json->field("type", type);
    json->field("id", make_event_id(prng));
    json->field("timestamp", base::format_rfc3339(ring::realtime_ns()));
}

void EventWriter::write_head(proto::JsonWriter* json, const config::Options& options, std::string_view type,
                             base::Prng* prng) {
    write_type(json, type, prng);
    json->begin_object("server");
    write_server(json, options);
    json->end_object();
}

std::string EventWriter::connect(const config::Options& options,
                                 const client::ConnectionSnapshot& client, base::Prng* prng) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_head(&json, options, kConnectType, prng);
    write_client(&json, client);
    json.end_object();
    return text;
}

std::string EventWriter::disconnect(const config::Options& options,
                                    const client::ConnectionSnapshot& client, base::Prng* prng) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_head(&json, options, kDisconnectType, prng);
    write_client(&json, client);
    // As the client sees it: what it sent, what it received.
    write_traffic(&json, "sent", client.traffic.in_messages, client.traffic.in_bytes);
    write_traffic(&json, "received", client.traffic.out_messages, client.traffic.out_bytes);
    json.field("reason", link::to_text(client.reason));
    json.end_object();
    return text;
}

std::string EventWriter::account_connections(const config::Options& options,
                                             std::string_view account,
                                             const observe::AccountSnapshot& sums,
                                             base::Prng* prng) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_head(&json, options, kAccountType, prng);
    json.field("acc", account);
    json.field("conns", sums.connections);
    json.field("leafnodes", sums.leafnodes);
    json.field("total_conns", sums.connections + sums.leafnodes);
    write_traffic(&json, "sent", sums.traffic.out_messages, sums.traffic.out_bytes);
    write_traffic(&json, "received", sums.traffic.in_messages, sums.traffic.in_bytes);
    json.field("slow_consumers", sums.slow_consumers);
    json.end_object();
    return text;
}

std::string EventWriter::leafnode_connect(const config::Options& options, std::string_view account) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.begin_object("server");
    write_server(&json, options);
    json.end_object();
    json.field("acc", account);
    json.end_object();
    return text;
}

std::string EventWriter::server_ends(const config::Options& options) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_server(&json, options);
    json.end_object();
    return text;
}

}  // namespace nuring::monitor
