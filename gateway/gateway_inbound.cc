// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_inbound.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <utility>

#include "core/account/imports.h"
#include "fmt/format.h"
#include "gateway/gateway_link.h"
#include "gateway/gateways.h"
#include "proto/encode_route.h"
#include "proto/error_text.h"
#include "proto/kind_facts.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::gateway {
namespace {

// The interest that is announced to other clusters: that of the subscribers of this cluster.
bool is_wanted_by_cluster(std::span<interest::Subscription* const> subscriptions) {
    return std::any_of(subscriptions.begin(), subscriptions.end(),
                       [](const interest::Subscription* each) {
                           return each->is_announced_to(proto::Kind::kGateway);
                       });
}

// An account with so few subscriptions is announced at once, others in slices.
constexpr uint64_t kAtOnceMax = 1024;

// The two INFO of an account that switches, in lines of interest of the same size.
constexpr size_t kSwitchCost = 16;

}  // namespace

GatewayInbound::GatewayInbound(delivery::Delivery& delivery, int fd, Gateways& gateways)
    : ServerLink(delivery, fd, kGatewayTraits, std::nullopt),
      gateways_(gateways),
      settings_(gateways.settings()) {}

void GatewayInbound::greet() {
    host_.log.info("{} - Processing inbound gateway connection", label());
    server_link::ChannelSetup channel;
    if (settings_->tls_acceptor != nullptr) {
        channel.acceptor = settings_->tls_acceptor;
        channel.timeout_ns = nanoseconds(settings_->gateway().tls->timeout);
        channel.pinned_certificates = settings_->gateway().tls->pinned_certs;
    }
    join_strangers(gateways_.strangers(host_.id));
    open_channel(channel);
}

// Nothing but CONNECT may come first, whether credentials are asked for or not.
void GatewayInbound::on_channel_ready() {
    send_info(gateways_.own_info(), " ");
    await_login(nanoseconds(settings_->gateway().authorization.timeout));
}

void GatewayInbound::on_connect(std::string_view json) {
    if (!awaits_login()) return;
    proto::JsonParser parser;
    std::string error;
    const auto status = proto::parse_route_connect(json, &parser, &connect_, &error);
    if (status != proto::JsonStatus::kOk) {
        host_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    auth::Decision decision;
    decision.verdict = auth::Verdict::kAccepted;
    const LoginRule rule = settings_->login_rule();
    if (rule.asks_for_credentials()) decision = decide(rule, connect_.user, connect_.pass);
    login(decision, connect_.user);
}

void GatewayInbound::on_logged_in(std::shared_ptr<const auth::Identity> /*identity*/) {
    if (connect_.gateway.empty()) {
        return refuse_peer(proto::kErrGatewayPort, link::CloseReason::kIncorrectPort);
    }
    if (!may_come_from(connect_.gateway)) return;
    set_verbose(connect_.verbose);
}

// False: that cluster has to be in the list, and is not; the connection was closed.
bool GatewayInbound::may_come_from(const std::string& cluster) {
    if (!settings_->gateway().reject_unknown || gateways_.remotes().contains(cluster)) return true;
    host_.log.error("{} - Rejecting connection from gateway {}", label(), proto::quote(cluster));
    send_error(fmt::format("Connection to gateway {} rejected", proto::quote(settings_->name())));
    close(link::CloseReason::kWrongGateway);
    return false;
}

// A later INFO has nothing new: addresses are learned from the connections that were dialed.
void GatewayInbound::on_info(const proto::ServerInfo& info) {
    if (has_first_info_) return;
    has_first_info_ = true;
    if (gateways_.has_server_name(info)) {
        host_.log.error("{} - Remote server has a duplicate name: {}", label(),
                         proto::quote(info.server_name));
        return close(link::CloseReason::kDuplicateServerName);
    }
    cluster_ = info.gateway.empty() ? connect_.gateway : info.gateway;
    if (!may_come_from(cluster_)) return;
    wants_all_interest_ = info.gateway_iom;
    set_takes_headers(info.headers);
    gateways_.add_inbound(*this, info);
    check_pins();
    if (!open()) return;
    host_.log.info("{} - Inbound gateway connection from {} ({}) registered", label(), proto::quote(cluster_),
                    info.server_id);
    is_registering_ = true;
    serve(info.server_id, info.server_name);
    if (!open()) return;
    for (const proto::ServerInfo& each : gateways_.gossip(cluster_)) send_info(each);
    proto::ServerInfo reported = info;
    reported.gateway = cluster_;
    gateways_.learn(reported);
}

// A reload finds the links that are registered. The TLS handshake went by the settings of its beginning.
void GatewayInbound::check_pins() {
    const auto now = gateways_.settings();
    if (now->gateway().tls.has_value()) close_unless_pinned(now->gateway().tls->pinned_certs);
}

void GatewayInbound::report_self() {
    if (serving()) send_info(gateways_.own_info());
}

server_link::KeepAlive GatewayInbound::keep_alive_rule() const {
    return gateway_keep_alive(ServerLink::keep_alive_rule(), settings_->gateway().times);
}

void GatewayInbound::on_ended() { gateways_.inbound_closed(*this); }

// ------------------------------------------------------------------------------------ interest

void GatewayInbound::refuse_line(std::string_view line) {
    host_.log.error("{} - Received {} from gateway on inbound connection", label(), line);
    close(link::CloseReason::kProtocolViolation);
}

void GatewayInbound::on_subscribe(const proto::RouteOperation& /*operation*/) { refuse_line("RS+"); }

void GatewayInbound::on_unsubscribe(const proto::RouteOperation& /*operation*/) { refuse_line("RS-"); }

void GatewayInbound::on_account_interest(const proto::RouteOperation& /*operation*/, bool is_wanted) {
    refuse_line(is_wanted ? "A+" : "A-");
}

void GatewayInbound::announce(account::Account& account, std::string_view pattern, std::string_view queue) {
    if (!serving()) return;
    if (wants_all_interest_ && interest_.mode(account) == InterestMode::kOptimistic) {
        // The first sync comes to the account, or begins with it when it is done.
        if (!is_registering_) interest_.switch_account(account);
        return;
    }
    interest_.on_change(account, pattern, queue, wanted(account, pattern, queue) != 0);
}

bool GatewayInbound::carries(account::Account& account) const {
    return is_registering_ || switching_.contains(&account) || awaiting_.contains(&account);
}

size_t GatewayInbound::wanted(account::Account& account, std::string_view pattern, std::string_view queue) {
    size_t count = 0;
    account.sublist().inspect(host_.id, pattern, queue, [&](std::span<interest::Subscription* const> all) {
        count = is_wanted_by_cluster(all) ? 1 : 0;
    });
    return count;
}

size_t GatewayInbound::announce_cluster(account::Account& account, uint32_t slice) {
    size_t announced = 0;
    account.sublist().for_each_interest(host_.id, slice,
                                        [&](std::string_view pattern, std::string_view queue,
                                            std::span<interest::Subscription* const> all) {
                                            if (!is_wanted_by_cluster(all)) return;
                                            interest_.on_change(account, pattern, queue, /*is_wanted=*/true);
                                            ++announced;
                                        });
    return announced;
}

size_t GatewayInbound::announce_slice(account::Account& account, uint32_t slice) {
    if (slice == 0 && (awaiting_.erase(&account) != 0 || wants_all_interest_)) {
        begins_account_ = true;
        interest_.switch_account(account);
        begins_account_ = false;
    }
    const size_t announced = announce_cluster(account, slice);
    const bool is_last = slice + 1 == account.sublist().own_slice_count();
    if (!is_last || !switching_.contains(&account)) return announced;
    finish_switch(account);
    return announced + kSwitchCost;
}

void GatewayInbound::start_switch(account::Account& account) {
    host_.log.debug("{} - Gateway {}: switching account {} to Interest-Only mode", label(),
                     proto::quote(cluster_), proto::quote(account.name()));
    send_command(account, kAllInterestCommand);
    switching_.insert(&account);
    const bool is_in_sync = begins_account_ || is_registering_;
    if (is_in_sync && account.sublist().count() != 0) return;  // its slices are being announced
    if (account.sublist().count() > kAtOnceMax) return begin_sync();
    for (uint32_t slice = 0; slice < account.sublist().own_slice_count(); ++slice) {
        (void)announce_cluster(account, slice);
    }
    finish_switch(account);
}

void GatewayInbound::finish_switch(account::Account& account) {
    switching_.erase(&account);
    interest_.end_switch(account);
    send_command(account, kAllInterestDoneCommand);
    host_.log.debug("{} - Gateway {}: switching account {} to Interest-Only mode complete", label(),
                     proto::quote(cluster_), proto::quote(account.name()));
}

void GatewayInbound::send_command(account::Account& account, int64_t command) {
    proto::ServerInfo info;
    info.proto = 0;
    info.gateway = settings_->name();
    info.gateway_cmd = command;
    info.gateway_cmd_payload = account.name();
    send_info(info);
}

// Some accounts are left: those that have lost all their interest, of which a turn switches some, and those
// to which interest has come behind the sync. Another sync announces that.
void GatewayInbound::on_synced() {
    is_registering_ = false;
    std::vector<account::Account*> empty;
    for (account::Account* account : switching_) {
        if (account->sublist().count() == 0) empty.push_back(account);
    }
    const size_t count = std::min(empty.size(), server_link::InterestSync::kAnnouncedPerTurn / kSwitchCost);
    const auto end = empty.begin() + static_cast<std::ptrdiff_t>(count);
    std::partial_sort(empty.begin(), end, empty.end(),
                      [](const auto* a, const auto* b) { return a->name() < b->name(); });
    std::for_each(empty.begin(), end, [this](account::Account* account) { finish_switch(*account); });
    if (!switching_.empty()) return begin_sync();
    const std::vector<account::Account*> awaiting(awaiting_.begin(), awaiting_.end());
    awaiting_.clear();
    for (account::Account* account : awaiting) announce_account(*account);
    on_account_changed();
}

void GatewayInbound::announce_account(account::Account& account) {
    if (!serving() || interest_.mode(account) != InterestMode::kOptimistic) return;
    const uint64_t count = account.sublist().count();
    const bool is_small = count <= kAtOnceMax && !is_registering_ && has_room_for_sync();
    if (count == 0 || is_small) return interest_.switch_account(account);
    const bool is_first = awaiting_.empty();
    awaiting_.insert(&account);
    if (is_first && !is_registering_) begin_sync();  // else the end of the one that runs begins it
}

// Requests over service imports can be distinguished only where all interest is known. Of thousands of
// accounts a turn switches some; the end of a sync, in one of the next turns, goes on with the others.
void GatewayInbound::on_account_changed() {
    if (!serving() || is_registering_) return;
    size_t announced = 0;
    for (account::Account* account : delivery_.accounts.list()) {
        if (!open()) return;
        // Without room, empty ones are switched when interest in them comes.
        const uint64_t count = account->sublist().count();
        const bool has_room = has_room_for_sync();
        if (!has_room && count == 0) continue;
        if (interest_.mode(*account) != InterestMode::kOptimistic) continue;
        if (!wants_all_interest_ && !imports_services(*account)) continue;
        if (!has_room && count > kAtOnceMax) {
            announce_account(*account);
            continue;
        }
        if (announced > server_link::InterestSync::kAnnouncedPerTurn) return begin_sync();
        announced += kSwitchCost + std::min(count, kAtOnceMax);
        interest_.switch_account(*account);
    }
}

// Besides those of the system account, which every account has.
bool GatewayInbound::imports_services(const account::Account& account) const {
    const auto& services = account.exchange().services;
    return std::any_of(services.begin(), services.end(), [this](const auto& service) {
        return &service->exporter() != gateways_.system_account();
    });
}

void GatewayInbound::send_change(account::Account& account, std::string_view pattern, std::string_view queue,
                                 bool is_wanted) {
    send_interest(account, pattern, queue, is_wanted ? 1 : 0);  // the weight of a group is 1, always
}

void GatewayInbound::send_account(std::string_view account, bool is_wanted) {
    std::string line(proto::account_interest_size(account), '\0');
    proto::encode_account_interest(line.data(), account, is_wanted);
    if (host_.log.trace_enabled()) {
        host_.log.trace("{} - ->> [{}]", label(), std::string_view(line).substr(0, line.size() - 2));
    }
    queue(line);
}

void GatewayInbound::copy_accounts(const GatewayQuery& query,
                                   std::vector<GatewayAccountSnapshot>* out) const {
    interest_.for_each([&](const account::Account& account, InterestMode mode, size_t refused) {
        if (!query.account_name.empty() && account.name() != query.account_name) return;
        out->push_back({.name = account.name(),
                        .mode = mode,
                        .no_interest_count = refused,
                        .subscription_count = 0,
                        .queue_subscription_count = 0,
                        .subscriptions = {}});
    });
    std::sort(out->begin(), out->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

// ------------------------------------------------------------------------------------ messages

account::Account* GatewayInbound::account_of(const proto::RouteOperation& operation) {
    account::Account* account = find_account(operation.account);
    if (account == nullptr && serving()) interest_.on_unknown_account(operation.account);
    return account;
}

// In the optimistic mode the other server has to know that a message was in vain. It still may name groups.
bool GatewayInbound::admit_message(const proto::RouteOperation& operation, Inbound* message) {
    account::Account& account = *message->account;
    if (interest_.mode(account) != InterestMode::kOptimistic) [[likely]] return true;
    const std::string_view subject = message->run.subject;
    if (subject.starts_with(proto::kServiceReplyPrefix) || !is_unwanted(account, subject)) return true;
    if (!interest_.is_refused(account.name())) {
        interest_.on_unwanted(account, subject, has_any_interest(account));
    }
    return !operation.queues.empty();
}

// Nobody in this cluster has a plain subscription.
bool GatewayInbound::is_unwanted(account::Account& account, std::string_view subject) {
    const interest::MatchResult& match = delivery_.cache.find(account.sublist(), subject).result();
    const auto is_near = [](proto::Kind kind) { return !proto::facts_of(kind).is_gateway; };
    return match.local().empty() && match.remote_workers().empty() &&
           std::none_of(match.server_kinds().begin(), match.server_kinds().end(), is_near);
}

bool GatewayInbound::has_any_interest(account::Account& account) {
    bool any = false;
    for (uint32_t slice = 0; slice < account.sublist().own_slice_count() && !any; ++slice) {
        account.sublist().for_each_interest(
            host_.id, slice,
            [&](std::string_view, std::string_view, std::span<interest::Subscription* const> all) {
                any = any || is_wanted_by_cluster(all);
            });
    }
    return any;
}

}  // namespace nuring::gateway
