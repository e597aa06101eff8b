// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/config/options.h"
#include "core/config/url.h"

namespace nuring::gateway {

// One other cluster.
struct Remote {
    std::string name;
    bool is_implicit = false;  // learned from other servers, not configured
    std::vector<config::Url> configured;
    std::vector<config::Url> learned;  // without credentials
    std::optional<config::TlsOptions> tls;
    // The name to expect in a certificate where an address was learned as a number; empty: none is known.
    std::string tls_name;

    // Every address once, the configured ones first.
    std::vector<config::Url> urls() const;
};

// One connection to or from another cluster.
struct GatewayEntry {
    std::string name;  // of the cluster
    std::string remote_id;
    base::LinkHandle link;
    uint64_t rtt_ns = 0;  // outbound; 0: not known yet
};

// GatewayRemotes is the set of other clusters, by name: where each is found, and which connections there are.
// There is one outbound connection to a cluster at most, and any number of inbound ones from it.
//
// Threads:  any; one mutex, taken for a moment when a connection comes, ends, or reports its round trip.
// Limits:   kRemotesMax clusters with names of kNameBytesMax, kUrlsMax addresses of one, and of each report
//           those that GossipUrls counts; what other servers report beyond that is ignored.
// Errors:   an address that cannot be parsed is ignored.
// Source:   server/gateway.go 2.15.3: processImplicitGateway, updateURLs, addURLs, orderOutboundConnections.
class GatewayRemotes {
  public:
    static constexpr size_t kRemotesMax = 1024;
    static constexpr size_t kUrlsMax = 256;
    static constexpr size_t kNameBytesMax = 512;

    explicit GatewayRemotes(std::string own_name) : own_name_(std::move(own_name)) {}

    // The configured clusters, without the own one. Again after a reload: TLS of all of them follows.
    void configure(const config::GatewayOptions& options);

    // --- clusters
    std::optional<Remote> find(const std::string& name) const;
    std::vector<Remote> list() const;
    bool contains(const std::string& name) const;

    enum class [[nodiscard]] Learned : uint8_t {
        kOwn,      // the name of this cluster
        kKnown,    // addresses were added
        kNew,      // from now on known as implicit: to be dialed
        kRefused,  // no usable address, a long name, or too many clusters
    };
    // Another server has reported that cluster.
    Learned learn(const std::string& name, const std::vector<std::string>& urls);
    // The cluster has reported its addresses by itself, which replace those that were learned before.
    void replace_urls(const std::string& name, const std::vector<std::string>& urls);
    // An implicit cluster that nobody reaches is forgotten.
    void forget(const std::string& name);

    // --- connections
    // False: there is an outbound connection to that cluster.
    [[nodiscard]] bool add_outbound(const GatewayEntry& entry);
    void add_inbound(const GatewayEntry& entry);
    // The entry, if it was there.
    std::optional<GatewayEntry> remove(base::LinkHandle link);
    bool has_outbound(const std::string& name) const;
    bool has_inbound(const std::string& name) const;
    // True: the order of the outbound connections has changed.
    bool set_rtt(base::LinkHandle link, uint64_t rtt_ns);
    // The nearest first.
    std::vector<GatewayEntry> outbound() const;
    std::vector<GatewayEntry> inbound() const;

  private:
    const Remote* find_locked(const std::string& name) const;
    Remote* find_locked(const std::string& name);
    void add_urls(Remote* remote, const std::vector<std::string>& urls) const;
    bool sort_locked();

    const std::string own_name_;
    mutable std::mutex mutex_;
    std::vector<Remote> remotes_;          // guarded by mutex_, like all below
    std::optional<config::TlsOptions> tls_;  // of the whole block
    std::vector<GatewayEntry> outbound_;   // sorted by rtt_ns
    std::vector<GatewayEntry> inbound_;
};

}  // namespace nuring::gateway
