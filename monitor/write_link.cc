// SPDX-License-Identifier: Apache-2.0
#include "monitor/write_link.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "core/account/account.h"
#include "core/base/rfc3339.h"
#include "core/base/status.h"
#include "proto/kind_facts.h"
#include "monitor/format.h"

namespace nuring::monitor {
namespace {

void write_certificates(proto::JsonWriter* json, const std::vector<tls::PeerCertificate>& certificates) {
    if (certificates.empty()) return;
    json->begin_array("tls_peer_certs");
    for (const tls::PeerCertificate& each : certificates) {
        json->begin_object();
        json->optional_field("subject", each.subject);
        json->optional_field("spki_sha256", each.public_key_digest);
        json->optional_field("cert_sha256", each.digest);
        json->end_object();
    }
    json->end_array();
}

}  // namespace

std::string_view client_type(const client::ConnectionSnapshot& connection) {
    if (!proto::facts_of(connection.kind).is_client) return "";
    return connection.is_websocket ? "websocket" : "nats";
}

absl::Status decode_subscriptions(const Query& query, LinkDetail* detail) {
    detail->subscription_detail =
        absl::EqualsIgnoreCase(base::absl_view(query.text("subs")), "detail");
    if (detail->subscription_detail) return absl::OkStatus();
    const auto wanted = query.boolean("subs");
    if (!wanted.ok()) return wanted.status();
    detail->subscriptions = *wanted;
    return absl::OkStatus();
}

void write_texts(proto::JsonWriter* json, std::string_view key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    json->begin_array(key);
    for (const std::string& text : texts) json->value(text);
    json->end_array();
}

void write_connection(proto::JsonWriter* json, const client::ConnectionSnapshot& connection,
                      const LinkDetail& detail, uint64_t now_ns) {
    const uint64_t end_ns = connection.stop_ns != 0 ? connection.stop_ns : now_ns;
    json->begin_object();
    json->field("cid", connection.cid);
    json->field("kind", proto::facts_of(connection.kind).page_name);
    json->optional_field("type", client_type(connection));
    json->field("ip", connection.host);
    json->field("port", connection.port);
    json->field("start", base::format_rfc3339(connection.start_ns));
    json->field("last_activity", base::format_rfc3339(connection.last_activity_ns));
    if (connection.stop_ns != 0) {
        json->field("stop", base::format_rfc3339(connection.stop_ns));
        json->field("reason", to_text(connection.reason));
    }
    if (connection.rtt_ns != 0) json->field("rtt", format_rtt(connection.rtt_ns));
    json->field("uptime", format_uptime(end_ns - std::min(end_ns, connection.start_ns)));
    json->field("idle", format_uptime(end_ns - std::min(end_ns, connection.last_activity_ns)));
    json->field("pending_bytes", connection.pending_bytes);
    json->field("in_msgs", connection.traffic.in_messages);
    json->field("out_msgs", connection.traffic.out_messages);
    json->field("in_bytes", connection.traffic.in_bytes);
    json->field("out_bytes", connection.traffic.out_bytes);
    json->field("subscriptions", connection.subscription_count);
    json->optional_field("name", connection.name);
    json->optional_field("lang", connection.lang);
    json->optional_field("version", connection.version);
    json->optional_field("tls_version", connection.tls_version);
    json->optional_field("tls_cipher_suite", connection.tls_cipher);
    if (detail.auth) {
        write_certificates(json, connection.certificates);
        json->optional_field("authorized_user", connection.user);
        if (connection.account != account::kGlobalAccount) {
            json->optional_field("account", connection.account);
        }
    }
    // Details of closed connections name the account, as the reference's.
    write_subscriptions(json, connection.subscriptions, detail,
                        connection.stop_ns != 0 ? connection.account : std::string());
    if (detail.auth) {
        json->optional_field("jwt", connection.jwt);
        json->optional_field("issuer_key", connection.issuer_key);
        json->optional_field("name_tag", connection.name_tag);
        write_texts(json, "tags", connection.tags);
    }
    if (connection.worker.has_value()) json->field("worker", *connection.worker);  // ours
    json->end_object();
}

void write_subscriptions(proto::JsonWriter* json,
                         const std::vector<client::SubscriptionSnapshot>& subscriptions,
                         const LinkDetail& detail, const std::string& account) {
    if (subscriptions.empty()) return;
    if (detail.subscriptions) {
        json->begin_array("subscriptions_list");
        for (const auto& each : subscriptions) json->value(each.subject);
        json->end_array();
    }
    if (detail.subscription_detail) {
        json->begin_array("subscriptions_list_detail");
        for (client::SubscriptionSnapshot each : subscriptions) {
            if (!account.empty()) each.account = account;
            write_subscription(json, each);
        }
        json->end_array();
    }
}

void write_subscription(proto::JsonWriter* json, const client::SubscriptionSnapshot& subscription) {
    json->begin_object();
    json->optional_field("account", subscription.account);
    json->field("subject", subscription.subject);
    json->optional_field("qgroup", subscription.queue);
    json->field("sid", subscription.sid);
    json->field("msgs", subscription.delivered);
    json->optional_field("max", subscription.max);
    json->field("cid", subscription.cid);
    json->end_object();
}

}  // namespace nuring::monitor
