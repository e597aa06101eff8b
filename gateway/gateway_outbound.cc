// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_outbound.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/host_port.h"
#include "fmt/format.h"
#include "gateway/gateway_link.h"
#include "gateway/gateways.h"
#include "proto/error_text.h"
#include "proto/quote.h"
#include "proto/route_connect.h"
#include "proto/subject.h"

namespace nuring::gateway {

GatewayOutbound::GatewayOutbound(delivery::Delivery& delivery, int fd, Gateways& gateways,
                                 server_link::LinkTarget target, std::string cluster)
    : ServerLink(delivery, fd, kGatewayTraits, std::move(target)),
      gateways_(gateways),
      settings_(gateways.settings()),
      cluster_(std::move(cluster)) {}

void GatewayOutbound::greet(const std::string& tls_name) {
    host_.log.info("{} - Creating outbound gateway connection to {} ({})", label(), proto::quote(cluster_),
                    base::host_port(target()->host, target()->port));
    const std::optional<Remote> remote = gateways_.remotes().find(cluster_);
    server_link::ChannelSetup channel;
    channel.dialer = settings_->dialer_of(cluster_);
    if (channel.dialer != nullptr && remote.has_value() && remote->tls.has_value()) {
        channel.timeout_ns = nanoseconds(remote->tls->timeout);
        channel.pinned_certificates = remote->tls->pinned_certs;
        if (base::is_numeric_host(target()->host)) channel.server_name = tls_name;
    }
    open_channel(channel);
}

// A peer that never says what it is goes after some time.
void GatewayOutbound::on_channel_ready() {
    const server_link::KeepAlive rule = keep_alive_rule();
    close_after(link::CloseReason::kStaleConnection,
                static_cast<uint64_t>(rule.outstanding_max + 1) * rule.interval_ns);
}

server_link::KeepAlive GatewayOutbound::keep_alive_rule() const {
    return gateway_keep_alive(ServerLink::keep_alive_rule(), settings_->gateway().times);
}

void GatewayOutbound::on_info(const proto::ServerInfo& info) {
    if (info.gateway.empty()) {
        return refuse_peer(
            fmt::format("Attempt to connect to gateway {} using wrong port", proto::quote(cluster_)),
            link::CloseReason::kIncorrectPort);
    }
    if (info.gateway != cluster_) {
        if (has_first_info_ && info.gateway_cmd == kGossipCommand) return gateways_.learn(info);
        host_.log.error("{} - Failing connection to gateway {}, remote gateway name is {}", label(),
                         proto::quote(cluster_), proto::quote(info.gateway));
        send_error(fmt::format("Connection from {} rejected, wanted to connect to {}, this is {}",
                               proto::quote(settings_->name()), proto::quote(cluster_),
                               proto::quote(info.gateway)));
        return close(link::CloseReason::kWrongGateway);
    }
    if (has_first_info_ && info.gateway_cmd != 0) return on_command(info);
    const bool is_news = !has_first_info_ || info.gateway_urls != reported_urls_;
    if (!has_first_info_) on_first_info(info);
    if (!open() || !is_news) return;
    reported_urls_ = info.gateway_urls;
    gateways_.on_remote_info(info);
}

void GatewayOutbound::on_first_info(const proto::ServerInfo& info) {
    if (gateways_.has_server_name(info)) {
        host_.log.error("{} - Remote server has a duplicate name: {}", label(),
                         proto::quote(info.server_name));
        return close(link::CloseReason::kDuplicateServerName);
    }
    has_first_info_ = true;
    set_takes_headers(info.headers && settings_->info.headers);
    maps_the_old_way_ = !info.gateway_nrp;
    if (maps_the_old_way_) {
        old_prefix_ = fmt::format("{}{}.", proto::kGatewayReplyPrefix, settings_->old_hash);
    }
    check_pins();
    if (!open()) return;
    announce_self(info);
    // Another connection to that cluster was quicker; this one is not needed.
    if (!gateways_.add_outbound(*this, info)) return close(link::CloseReason::kWrongGateway);
    check_pins();  // again: a reload finds only what is listed
    if (!open()) return;
    host_.log.info("{} - Outbound gateway connection to {} ({}) registered", label(), proto::quote(cluster_),
                    info.server_id);
    interest_.reset(new OutboundInterest(*this, info.gateway_iom));
    pending_ = std::make_unique<PendingInterest>(info.gateway_iom);
    serve(info.server_id, info.server_name);
    skip_login();  // from now on PINGs may be sent
    on_account_changed();
}

// A reload finds the links that are registered. The TLS handshake went by the settings of its beginning.
void GatewayOutbound::check_pins() {
    const std::optional<Remote> remote = gateways_.remotes().find(cluster_);
    if (remote.has_value() && remote->tls.has_value()) close_unless_pinned(remote->tls->pinned_certs);
}

void GatewayOutbound::announce_self(const proto::ServerInfo& info) {
    proto::RouteConnect connect;
    const config::LinkAuthorization& own = settings_->gateway().authorization;
    connect.user = target()->user.empty() ? own.user : target()->user;
    connect.pass = target()->user.empty() ? own.password : target()->password;
    connect.tls_required = tls_engine() != nullptr;
    connect.headers = settings_->info.headers;
    connect.name = settings_->info.server_id;
    connect.gateway = settings_->name();
    send_connect(proto::to_json(connect));
    host_.log.debug("{} - Gateway connect protocol sent to {}", label(), proto::quote(info.gateway));
    send_info(gateways_.own_info(), " ");
}

// Accounts may have come; what nothing was said of is sent everything, or nothing.
void GatewayOutbound::on_account_changed() {
    if (!serving()) return;
    for (account::Account* account : delivery_.accounts.list()) {
        interest_->begin(*account);
        if (!pending_->empty()) pending_->replay(*account, interest_.get());
    }
}

void GatewayOutbound::on_pong() {
    gateways_.on_rtt(*this);
    on_account_changed();
}

void GatewayOutbound::on_ended() { gateways_.outbound_closed(*this); }

// ---------------------------------------------------------------------------- what they want

// Messages do not come this way.
account::Account* GatewayOutbound::account_of(const proto::RouteOperation& operation) {
    if (!proto::has_payload(operation.verb)) return ServerLink::account_of(operation);
    const bool has_headers = operation.verb == proto::RouteVerb::kHeaderMessage;
    host_.log.error("{} - {} received {} from gateway on outbound connection", label(),
                     has_headers ? "processRoutedHeaderMsgArgs" : "processRoutedMsgArgs",
                     proto::to_text(operation.verb));
    close(link::CloseReason::kProtocolViolation);
    return nullptr;
}

void GatewayOutbound::on_subscribe(const proto::RouteOperation& operation) {
    if (!serving()) return;
    account::Account* account = find_account(operation.account);
    if (account == nullptr) return pending_->subscribe(operation.account, operation.subject, operation.queue);
    // A pattern is compared with all subjects of its account that were refused.
    if (operation.queue.empty() && !proto::is_literal(operation.subject)) {
        delivery_.interest_gate.charge_comparisons(interest_->facts(*account).refused_subjects);
    }
    if (interest_->subscribe(*account, operation.subject, operation.queue)) return;
    host_.log.error("{} - Could not insert subscription: {}", label(), operation.args);
}

void GatewayOutbound::on_unsubscribe(const proto::RouteOperation& operation) {
    if (!serving()) return;
    account::Account* account = find_account(operation.account);
    if (account == nullptr) {
        return pending_->unsubscribe(operation.account, operation.subject, operation.queue);
    }
    interest_->unsubscribe(*account, operation.subject, operation.queue);
}

void GatewayOutbound::on_account_interest(const proto::RouteOperation& operation, bool is_wanted) {
    if (!serving()) return;
    account::Account* account = find_account(operation.account);
    if (account == nullptr) {
        if (!is_wanted) delivery_.interest_gate.charge_comparisons(pending_->wanted_by(operation.account));
        return pending_->set_refused(operation.account, !is_wanted);
    }
    if (is_wanted) return interest_->on_account_wanted(*account);
    const OutboundInterest::Facts facts = interest_->facts(*account);
    // A sweep will look at all of them.
    if (facts.plain != 0) delivery_.interest_gate.charge_comparisons(facts.plain + facts.queues);
    interest_->on_account_refused(*account);
}

void GatewayOutbound::on_command(const proto::ServerInfo& info) {
    const bool begins = info.gateway_cmd == kAllInterestCommand;
    if (!begins && info.gateway_cmd != kAllInterestDoneCommand) {
        return host_.log.warn("{} - Received unknown command {} from gateway {}", label(),
                                  info.gateway_cmd, proto::quote(cluster_));
    }
    if (info.gateway_cmd_payload.empty()) {
        return refuse_peer(fmt::format("Account absent from receive-all-subscriptions-{} command",
                                       begins ? "start" : "complete"),
                           link::CloseReason::kProtocolViolation);
    }
    if (!serving()) return;
    account::Account* account = find_account(info.gateway_cmd_payload);
    if (account == nullptr) {
        return begins ? pending_->begin_switch(info.gateway_cmd_payload)
                      : pending_->end_switch(info.gateway_cmd_payload);
    }
    begins ? interest_->begin_switch(*account) : interest_->end_switch(*account);
    host_.log.debug("{} - Gateway {}: switching account {} to Interest-Only mode{}", label(),
                     proto::quote(cluster_), proto::quote(account->name()), begins ? "" : " complete");
}

bool GatewayOutbound::add(account::Account& account, std::string_view pattern, std::string_view queue) {
    return remote_interest_.add(account, pattern, queue, 1) == server_link::RemoteInterest::Added::kNew;
}

bool GatewayOutbound::remove(account::Account& account, std::string_view pattern, std::string_view queue) {
    return remote_interest_.remove(account, pattern, queue);
}

void GatewayOutbound::remove_plain(account::Account& account) {
    remove_plain_interest(account);
}

void GatewayOutbound::copy_accounts(const GatewayQuery& query,
                                    std::vector<GatewayAccountSnapshot>* out) const {
    if (interest_ == nullptr) return;
    interest_->for_each([&](const account::Account& account, const OutboundInterest::Facts& facts) {
        if (!query.account_name.empty() && account.name() != query.account_name) return;
        out->push_back({.name = account.name(),
                        .mode = facts.mode,
                        .no_interest_count = facts.refused_subjects,
                        .subscription_count = facts.plain + facts.queues,
                        .queue_subscription_count = facts.queues,
                        .subscriptions = {}});
    });
    std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    if (!query.subscriptions) return;
    remote_interest_.for_each([&](const account::Account& account, const interest::Subscription& each) {
        const auto of_account = std::lower_bound(
            out->begin(), out->end(), account.name(),
            [](const GatewayAccountSnapshot& one, const std::string& name) { return one.name < name; });
        if (of_account == out->end() || of_account->name != account.name()) return true;
        if (of_account->subscriptions.size() >= GatewaySurvey::kSubscriptionsMax) return true;
        of_account->subscriptions.push_back({.subject = std::string(each.subject()),
                                             .queue = std::string(each.queue()),
                                             .sid = {},
                                             .delivered = each.delivered,
                                             .max = 0,
                                             .cid = cid(),
                                             .account = {}});
        return true;
    });
}

// ---------------------------------------------------------------------------------- messages

// Nothing is announced this way; but the other cluster does not know yet of what has just come.
void GatewayOutbound::announce(account::Account& account, std::string_view pattern,
                               std::string_view /*queue*/) {
    if (open()) recent_.note(account, pattern, host_.ring.now_ns());
}

std::string_view GatewayOutbound::reply_prefix(account::Account& account, const delivery::MessageRun& run) {
    if (run.reply.empty() || proto::is_gateway_reply(run.reply)) return {};
    if (!recent_.covers(account, run.reply, host_.ring.now_ns())) return {};
    return maps_the_old_way_ ? std::string_view(old_prefix_) : settings_->reply_origin.prefix();
}

void GatewayOutbound::deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                                      std::string_view queues) {
    if (!serving()) return;
    const bool is_answer = proto::parse_gateway_reply(run.subject).has_value();
    if (!is_answer && queues.empty() && interest_->refuses(account, run.subject)) return;
    send_message({.account = account,
                  .run = run,
                  .subject = run.subject,
                  .queues = queues,
                  .reply_prefix = reply_prefix(account, run)});
}

}  // namespace nuring::gateway
