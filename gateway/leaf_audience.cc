// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_audience.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/hash/hash.h"
#include "core/interest/sublist.h"
#include "gateway/leaf_link.h"
#include "proto/encode_route.h"

namespace nuring::gateway {

LeafAudience::LeafAudience(delivery::Delivery& delivery, account::Account& account, LeafAudienceTerms terms,
                           std::string loop_subject)
    : delivery_(delivery),
      account_(account),
      terms_(std::move(terms)),
      loop_subject_(std::move(loop_subject)),
      taken_(taken_patterns()) {
    delivery_.servers.listen(*this, account_);
}

LeafAudience::~LeafAudience() {
    assert(members_.empty());
    delivery_.servers.unlisten(*this, account_);
}

// The loop subject before all others, so that a loop is found before messages go around in it.
void LeafAudience::add(LeafLink& link) {
    members_.push_back({.link = &link, .source = link.source(), .number = ++last_number_});
    Member& member = members_.back();
    forget_line();
    send_plain_line(member, loop_subject_, LeafSource::everybody());
    if (delivery_.host.facts.gateways != nullptr) {
        forget_line();
        send_plain_line(member, kAnswersOfClusters, LeafSource::everybody());
    }
    for (const std::string& source : account_.exchange().mappings.sources()) {
        if (!terms_.permissions.announces(source)) continue;
        forget_line();
        join_plain(member, source, LeafSource::everybody());
    }
}

void LeafAudience::remove(LeafLink& link) {
    std::erase_if(members_, [&link](const Member& each) { return each.link == &link; });
}

LeafAudience::Member& LeafAudience::member_of(const LeafLink& link) {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&link](const Member& each) { return each.link == &link; });
    assert(found != members_.end());
    return *found;
}

// ------------------------------------------------------------------------------ what is wanted

// This server wants it by itself.
bool LeafAudience::is_own_interest(std::string_view pattern) const {
    if (pattern == loop_subject_) return true;
    if (pattern == kAnswersOfClusters && delivery_.host.facts.gateways != nullptr) return true;
    return account_.exchange().mappings.has_source(pattern);
}

// The patterns from which messages of the other server go on into other accounts, or to other subjects.
std::vector<std::string> LeafAudience::taken_patterns() const {
    const account::Exchange& exchange = account_.exchange();
    std::vector<std::string> patterns = exchange.mappings.sources();
    for (const auto& service : exchange.services) {
        patterns.emplace_back(service->subscription()->subject());
    }
    return patterns;
}

void LeafAudience::on_account_changed(const LeafLink& link) {
    if (members_.front().link != &link) return;
    const std::vector<std::string> before = std::exchange(taken_, taken_patterns());
    for (const std::string& pattern : before) announce(account_, pattern, {});
    for (const std::string& pattern : taken_) announce(account_, pattern, {});
}

// ------------------------------------------------------------------------------------- changes

void LeafAudience::announce(account::Account& account, std::string_view pattern, std::string_view queue) {
    assert(&account == &account_);
    if (!is_exempt(pattern) && !terms_.permissions.announces(pattern)) return;
    LeafInterestSummary now;
    account.sublist().inspect(delivery_.host.id, pattern, queue,
                              [&](std::span<interest::Subscription* const> subscriptions) {
                                  now = summarize(terms_.role, subscriptions);
                              });
    forget_line();
    if (!queue.empty()) {
        for (Member& member : members_) send_group_line(member, pattern, queue, now);
        return;
    }
    if (is_own_interest(pattern)) now.sole = LeafSource::everybody();
    announce_plain(pattern, now.sole);
}

void LeafAudience::announce_plain(std::string_view pattern, LeafSource now) {
    const uint64_t key = absl::HashOf(pattern);
    const auto known = plain_.find(key);
    const bool is_known = known != plain_.end();
    if (!is_known && now == LeafSource::nobody()) return;
    // Of what is not known all members know that nobody wants it.
    const Known before = is_known ? known->second : Known{.sole = {}, .sent_up_to = last_number_};
    if (before.sole != now) {
        for (Member& member : members_) {
            if (member.number > before.sent_up_to) break;
            if (before.sole.concerns(member.source) == now.concerns(member.source)) continue;
            send_plain_line(member, pattern, now);
        }
    }
    for (size_t i = members_.size(); i-- > 0 && members_[i].number > before.sent_up_to;) {
        send_plain_line(members_[i], pattern, now);
    }
    if (now == LeafSource::nobody()) {
        plain_.erase(known);
    } else if (is_known) {
        known->second = {.sole = now, .sent_up_to = last_number_};
    } else {
        plain_.emplace(key, Known{.sole = now, .sent_up_to = last_number_});
    }
}

void LeafAudience::send_plain_line(Member& member, std::string_view pattern, LeafSource now) {
    member.link->send_interest_line(line(pattern, {}, now.concerns(member.source) ? 1 : 0));
}

void LeafAudience::send_group_line(Member& member, std::string_view pattern, std::string_view queue,
                                   const LeafInterestSummary& now) {
    const size_t count = now.members_for(member.source);
    if (!member.link->note_group(absl::HashOf(pattern, queue), count)) return;
    member.link->send_interest_line(line(pattern, queue, count));
}

// One text for all members with the same announcement.
std::string_view LeafAudience::line(std::string_view pattern, std::string_view queue, size_t count) {
    if (!line_.empty() && line_count_ == count) return line_;
    line_count_ = count;
    const proto::RouteInterest interest{
        .account = {},
        .subject = pattern,
        .queue = queue,
        .weight = static_cast<uint32_t>(std::min<size_t>(count, UINT32_MAX)),
        .dialect = proto::RouteDialect::kLeafnode};
    line_.resize(proto::route_interest_size(interest));
    proto::encode_route_interest(line_.data(), interest);
    return line_;
}

// ------------------------------------------------------------------------------------- joining

size_t LeafAudience::announce_slice(LeafLink& link, uint32_t slice) {
    Member& member = member_of(link);
    size_t announced = 0;
    account_.sublist().for_each_interest(
        delivery_.host.id, slice,
        [&](std::string_view pattern, std::string_view queue,
            std::span<interest::Subscription* const> subscriptions) {
            if (!is_exempt(pattern) && !terms_.permissions.announces(pattern)) return;
            LeafInterestSummary now = summarize(terms_.role, subscriptions);
            forget_line();
            ++announced;
            if (!queue.empty()) return send_group_line(member, pattern, queue, now);
            if (is_own_interest(pattern)) now.sole = LeafSource::everybody();
            if (now.sole != LeafSource::nobody()) join_plain(member, pattern, now.sole);
        });
    return announced;
}

// If it differs from the kept state, announce() is still to come: no member counts as up to date until then.
void LeafAudience::join_plain(Member& member, std::string_view pattern, LeafSource now) {
    Known& known = plain_.try_emplace(absl::HashOf(pattern), Known{.sole = now, .sent_up_to = 0})
                       .first->second;
    if (known.sent_up_to >= member.number) return;
    if (now.concerns(member.source)) send_plain_line(member, pattern, now);
    if (known.sole != now) {
        known.sent_up_to = 0;
    } else if (known.sent_up_to >= number_before(member)) {
        known.sent_up_to = member.number;
    }
}

uint64_t LeafAudience::number_before(const Member& member) const {
    return &member == members_.data() ? 0 : (&member - 1)->number;
}

}  // namespace nuring::gateway
