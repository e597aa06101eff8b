// SPDX-License-Identifier: Apache-2.0
// What a leafnode link is told: whose interest is announced over it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/interest/subscription.h"
#include "proto/kind.h"

namespace nuring::gateway {

// Each server has a subject of its own per account that begins so, and announces it to its leafnodes and
// hubs. Whoever is told of its own stands in a loop.
inline constexpr std::string_view kLoopPrefix = "$LDS.";

// What a server with gateways asks its leafnodes and hubs for: answers to requests from other clusters.
inline constexpr std::string_view kAnswersOfClusters = "_GR_.>";

// Subjects of servers, which no permission concerns.
bool is_exempt(std::string_view subject);

inline bool is_loop_subject(std::string_view subject) {
    return subject.starts_with(kLoopPrefix);
}

// Where interest comes from, as far as it decides on the links that are told of it: none is told of its own,
// and no cluster of leafnodes of itself.
//   nobody | everybody | a link | the links of a cluster of leafnodes
class LeafSource {
  public:
    constexpr LeafSource() = default;
    static constexpr LeafSource nobody() { return {}; }
    // More than one source, or this server: whoever is asked is told.
    static constexpr LeafSource everybody() { return LeafSource(UINT64_MAX); }
    // `cluster`: its number (link::OriginClusters); 0: none known.
    static constexpr LeafSource of(base::LinkHandle link, uint32_t cluster) {
        return LeafSource(cluster == 0 ? link.bits() : kCluster | cluster);
    }
    static LeafSource of(const interest::Subscription& subscription) {
        if (!subscription.is_of_server()) return everybody();
        return of(subscription.link(), subscription.origin_cluster());
    }

    // Is that link told of interest that comes from here?
    constexpr bool concerns(LeafSource link) const { return bits_ != 0 && bits_ != link.bits_; }
    constexpr LeafSource with(LeafSource other) const {
        if (bits_ == 0 || bits_ == other.bits_) return other;
        return other.bits_ == 0 ? *this : everybody();
    }
    constexpr uint64_t bits() const { return bits_; }

    friend constexpr bool operator==(LeafSource, LeafSource) = default;

  private:
    static constexpr uint64_t kCluster = uint64_t{1} << 63;  // no handle has that bit

    explicit constexpr LeafSource(uint64_t bits) : bits_(bits) {}

    uint64_t bits_ = 0;
};

// How a link is told, apart from its permissions.
struct LeafRole {
    proto::Kind kind = proto::Kind::kLeafnode;  // kHub: this server is its spoke
    bool is_isolated = false;                   // is not told what links of leafnodes want, of either role

    friend bool operator==(const LeafRole&, const LeafRole&) = default;
};

// Is interest of that sort announced at all? A hub announces everything: clients, leafnodes, routes and
// gateways. A spoke announces what its clients want, and the leafnodes that hang on it: every server of a
// leafnode cluster dials its hub by itself.
// Source: server/leafnode.go, initLeafNodeSmapAndSendSubs and updateLeafNodesEx 2.9.10 to 2.15.
bool is_told(const LeafRole& role, const interest::Subscription& subscription);

// What is wanted of one pattern.
struct LeafInterestSummary {
    LeafSource sole;  // plain subscriptions: where they come from
    // A group: its members by weight, and those of each source but this server.
    size_t members = 0;
    absl::flat_hash_map<uint64_t, size_t> members_of;

    size_t members_for(LeafSource link) const {
        const auto own = members_of.find(link.bits());
        return own == members_of.end() ? members : members - own->second;
    }
};
LeafInterestSummary summarize(const LeafRole& role,
                              std::span<interest::Subscription* const> subscriptions);

}  // namespace nuring::gateway
