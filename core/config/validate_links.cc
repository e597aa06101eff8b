// SPDX-License-Identifier: Apache-2.0
// Checks of cluster, gateway and leafnodes, alone and beside each other.
// Source: validateCluster, validateGatewayOptions, validateLeafNode of 2.15.3.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "core/config/inactive.h"
#include "core/config/names.h"
#include "core/config/show_value.h"
#include "core/config/validate_parts.h"

namespace nuring::config {
namespace {

constexpr size_t kThresholdsMax = 4;

void report_link_fault(Diagnostics* out, std::string_view text) {
    out->error({}, text);
}

std::string quoted(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) out += fmt::format("{}\"{}\"", out.size() > 1 ? " " : "", text);
    return out + "]";
}

void check_compression(const CompressionOptions& compression, Diagnostics* out) {
    if (compression.mode == CompressionMode::kUnknown) {
        return report_link_fault(out, fmt::format("unsupported compression mode \"{}\"", compression.text));
    }
    if (compression.mode != CompressionMode::kAuto) return;
    const std::vector<nanoseconds>& limits = compression.rtt_thresholds;
    nanoseconds highest{0};
    for (const nanoseconds limit : limits) {
        if (limit != nanoseconds{0} && limit < highest) {
            report_link_fault(out, fmt::format("RTT threshold values {} should be in ascending order", show(limits)));
            break;
        }
        highest = std::max(highest, limit);
    }
    if (limits.size() > kThresholdsMax) {
        report_link_fault(out, fmt::format("compression mode \"{}\" should have no more than 4 RTT thresholds: {}",
                             compression.text, show(limits)));
    }
    if (highest == nanoseconds{0}) {
        report_link_fault(out, fmt::format("compression mode \"{}\" requires at least one RTT threshold",
                             compression.text));
    }
}

// The reference has no limit.
constexpr int kRoutePoolSizeMax = 512;

void check_cluster(const Options& options, Diagnostics* out) {
    const ClusterOptions& cluster = options.cluster;
    if (has_blanks(cluster.name)) report_link_fault(out, "cluster name cannot contain spaces");
    if (cluster.name == kReservedClusterName) report_link_fault(out, "cluster name is reserved");
    check_compression(cluster.compression, out);
    if (!options.gateway.name.empty() && options.gateway.name != cluster.name) {
        report_link_fault(out, "cluster name conflicts between cluster and gateway definitions");
    }
    if (cluster.pool_size > kRoutePoolSizeMax) {
        report_link_fault(out, fmt::format("pool_size of {} is too large: {} at most", cluster.pool_size,
                                           kRoutePoolSizeMax));
    }
    if (cluster.pinned_accounts.empty()) return;
    if (cluster.pool_size < 0) {
        report_link_fault(out, "pool_size cannot be negative if pinned accounts are specified");
    }
    absl::flat_hash_set<std::string_view> seen;
    for (const std::string& account : cluster.pinned_accounts) {
        if (seen.insert(account).second) continue;
        report_link_fault(out, fmt::format("found duplicate account name \"{}\" in pinned accounts list {}", account,
                             quoted(cluster.pinned_accounts)));
    }
}

void check_gateway(const GatewayOptions& gateway, Diagnostics* out) {
    if (!gateway.configured()) return;
    if (gateway.name.empty()) return report_link_fault(out, "gateway has no name");
    if (gateway.port == 0) {
        report_link_fault(out, fmt::format("gateway \"{}\" has no port specified (select -1 for random port)",
                             gateway.name));
    }
    for (size_t i = 0; i < gateway.gateways.size(); ++i) {
        const RemoteGateway& remote = gateway.gateways[i];
        if (remote.name.empty()) {
            report_link_fault(out, fmt::format("gateway in the list {} has no name", i));
        } else if (remote.urls.empty()) {
            report_link_fault(out, fmt::format("gateway \"{}\" has no URL", remote.name));
        }
    }
}

// ---------------------------------------------------------------------------- leafnodes

class LeafnodeCheck {
  public:
    LeafnodeCheck(const Options& options, Diagnostics* out)
        : options_(options), leafnodes_(options.leafnodes), out_(out) {}

    void run() {
        if (options_.trust.active()) {
            check_operator_mode();
        } else {
            check_accounts();
        }
        check_compression(leafnodes_.compression, out_);
        for (const RemoteLeafnode& remote : leafnodes_.remotes) {
            check_compression(remote.compression, out_);
            check_urls(remote);
        }
        const bool no_system = options_.system_account.empty() && options_.no_system_account;
        if (leafnodes_.port != 0 && options_.gateway.configured() && no_system) {
            report_link_fault(out_,
                "leaf nodes and gateways (both being defined) require a system account to also be "
                "configured");
        }
    }

  private:
    void check_account(const std::string& account, std::string_view where) {
        if (account.empty() || defines_account(options_, account)) return;
        report_link_fault(out_, fmt::format("cannot find local account \"{}\" specified in leafnode {}", account, where));
    }

    void check_accounts() {
        check_account(leafnodes_.authorization.account, "authorization");
        for (const User& user : leafnodes_.users) check_account(user.account, "authorization");
        for (const RemoteLeafnode& remote : leafnodes_.remotes) check_account(remote.account, "remote");
    }

    void check_operator_mode() {
        if (!leafnodes_.users.empty()) {
            report_link_fault(out_, "operator mode does not allow specifying users in leafnode config");
        }
        for (const RemoteLeafnode& remote : leafnodes_.remotes) {
            if (is_public_key(remote.account, KeyKind::kAccount)) continue;
            report_link_fault(out_,
                "operator mode requires account nkeys in remotes. Please add an `account` key to each "
                "remote in your `leafnodes` section, to assign it to an account. Each account value "
                "should be a 56 character public key, starting with the letter 'A'");
        }
        const std::string& account = leafnodes_.authorization.account;
        if (leafnodes_.port != 0 && !account.empty() && !is_public_key(account, KeyKind::kAccount)) {
            report_link_fault(out_, "operator mode and non account nkeys are incompatible");
        }
    }

    void check_urls(const RemoteLeafnode& remote) {
        const auto websockets = std::count_if(remote.urls.begin(), remote.urls.end(),
                                              [](const Url& url) { return url.is_websocket(); });
        if (websockets == 0 || static_cast<size_t>(websockets) == remote.urls.size()) return;
        std::vector<std::string> shown;
        for (const Url& url : remote.urls) shown.push_back(url.redacted());
        report_link_fault(out_, fmt::format("remote leaf node configuration cannot have a mix of websocket and "
                              "non-websocket urls: {}",
                              quoted(shown)));
    }

    const Options& options_;
    const LeafnodeOptions& leafnodes_;
    Diagnostics* out_;
};

}  // namespace

void validate_links(const Options& options, Diagnostics* out) {
    check_gateway(options.gateway, out);
    check_cluster(options, out);
    LeafnodeCheck(options, out).run();
}

}  // namespace nuring::config
