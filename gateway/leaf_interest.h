// SPDX-License-Identifier: Apache-2.0
// Names the interest that a leafnode link announces, and sums up the interest in one pattern.
// Threads: any; no state. Errors: none.
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

// Each server has a subject of its own per account that begins like this, and announces it to its leafnodes
// and hubs. A server that receives its own subject is in a loop.
inline constexpr std::string_view kLoopPrefix = "$LDS.";

// The interest of a server with gateways in answers to requests from other clusters.
inline constexpr std::string_view kAnswersOfClusters = "_GR_.>";

// Subjects of servers, which no permission concerns.
bool is_exempt(std::string_view subject);

inline bool is_loop_subject(std::string_view subject) {
    return subject.starts_with(kLoopPrefix);
}

// The source of interest, as far as it decides over which links the interest is announced: not over the link
// that it came from, and to no server of the cluster of leafnodes that it came from.
//   nobody | everybody | a link | the links of a cluster of leafnodes
class LeafSource {
  public:
    constexpr LeafSource() = default;
    static constexpr LeafSource nobody() { return {}; }
    // More than one source, or this server: announced over every link.
    static constexpr LeafSource everybody() { return LeafSource(UINT64_MAX); }
    // `cluster`: its number (link::OriginClusters); 0: none known.
    static constexpr LeafSource of(base::LinkHandle link, uint32_t cluster) {
        return LeafSource(cluster == 0 ? link.bits() : kCluster | cluster);
    }
    static LeafSource of(const interest::Subscription& subscription) {
        if (!subscription.is_of_server()) return everybody();
        return of(subscription.link(), subscription.origin_cluster());
    }

    // Is interest of this source announced over that link?
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

// The role of a link in announcing interest. (Its permissions are LeafPermissions.)
struct LeafRole {
    proto::Kind kind = proto::Kind::kLeafnode;  // kHub: this server is its spoke
    bool is_isolated = false;  // interest of leafnode links, of either role, is not announced over it

    friend bool operator==(const LeafRole&, const LeafRole&) = default;
};

// Is the interest of that subscription announced over links of that role? A hub announces all interest: of
// clients, leafnodes, routes and gateways. A spoke announces the interest of its clients and of its own
// leafnodes, not that of routes: every server of a leafnode cluster dials the hub by itself.
// Source: server/leafnode.go, initLeafNodeSmapAndSendSubs and updateLeafNodesEx 2.9.10 to 2.15.
bool is_announced_over(const LeafRole& role, const interest::Subscription& subscription);

// The interest in one pattern.
struct LeafInterestSummary {
    LeafSource sole;  // plain subscriptions: where they come from
    // Of a queue group: the weights of all members, and of those of each source but this server.
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
