// SPDX-License-Identifier: Apache-2.0
#include "core/config/diff_leafnodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/fixed_fields.h"
#include "core/config/show_value.h"

namespace nuring::config {
namespace {

using config::show;

// As Go prints the struct: {s2_fast []}.
std::string show(const CompressionOptions& compression) {
    return fmt::format("{{{} {}}}", compression_name(compression.mode),
                       show(compression.rtt_thresholds));
}
// The identity of a remote, passwords included.
bool same_remote(const RemoteLeafnode& a, const RemoteLeafnode& b) {
    return a.urls == b.urls && a.account == b.account && a.credentials == b.credentials &&
           a.nkey == b.nkey;
}

const RemoteLeafnode* find(const std::vector<RemoteLeafnode>& remotes,
                           const RemoteLeafnode& wanted) {
    const auto found =
        std::find_if(remotes.begin(), remotes.end(),
                     [&](const RemoteLeafnode& each) { return same_remote(each, wanted); });
    return found == remotes.end() ? nullptr : &*found;
}

bool handshake_first(const std::optional<TlsOptions>& tls) {
    return tls && tls->handshake_first;
}

std::chrono::nanoseconds hello_wait(const std::optional<TlsOptions>& tls) {
    return tls ? tls->hello_wait : std::chrono::nanoseconds(0);
}

// Everything of a tls block but what has a line of its own.
std::optional<TlsOptions> rest_of(std::optional<TlsOptions> tls) {
    if (tls) {
        tls->handshake_first = false;
        tls->hello_wait = {};
    }
    return tls;
}

class LeafnodeDiffer {
  public:
    LeafnodeDiffer(const LeafnodeOptions& before, const LeafnodeOptions& after,
                   std::vector<Change>* changes)
        : before_(before), after_(after), changes_(changes), fixed_("LeafNode", FixedFields::Form::kField, changes) {}

    void run() {
        compare_block();
        for (const RemoteLeafnode& old : before_.remotes) {
            const RemoteLeafnode* now = find(after_.remotes, old);
            if (now == nullptr) {
                say(fmt::format("Reloaded: LeafNode Remote {} removed", old.name()));
            } else {
                compare_remote(old, *now);
            }
        }
        for (const RemoteLeafnode& now : after_.remotes) {
            if (find(before_.remotes, now) != nullptr) continue;
            say(fmt::format("Reloaded: LeafNode Remote {} added", now.name()));  // ours
        }
    }

  private:
    void say(std::string text) {
        changes_->push_back({OptionId::kLeafnodes, true, false, std::move(text)});
    }

    void compare_block() {
        fixed_.compare("leafnodes.host", "", "Host", before_.host, after_.host);
        fixed_.compare("leafnodes.port", "", "Port", before_.port, after_.port);
        const LinkAuthorization& old = before_.authorization;
        const LinkAuthorization& now = after_.authorization;
        fixed_.compare("leafnodes.authorization", "", "Username", old.user, now.user);
        fixed_.compare_secret("leafnodes.authorization", "", "Password", old.password,
                              now.password);
        fixed_.compare("leafnodes.authorization", "", "Nkey", old.nkey, now.nkey);
        fixed_.compare("leafnodes.authorization", "", "Account", old.account, now.account);
        fixed_.compare_login_timeout("leafnodes.authorization", "leafnodes.tls",
                                     before_.tls.has_value(), after_.tls.has_value(), old.timeout,
                                     now.timeout);
        if (before_.users != after_.users) {
            fixed_.refuse("leafnodes.authorization", "", "Users",
                          fmt::format("{} users", before_.users.size()),
                          fmt::format("{} users", after_.users.size()));
        }
        fixed_.compare("leafnodes.advertise", "", "Advertise", before_.advertise, after_.advertise);
        fixed_.compare("leafnodes.no_advertise", "", "NoAdvertise", before_.no_advertise,
                       after_.no_advertise);
        fixed_.compare("leafnodes.reconnect", "", "ReconnectInterval", before_.reconnect_interval,
                       after_.reconnect_interval);
        fixed_.compare("leafnodes.dial_timeout", "", "DialTimeout", before_.dial_timeout,
                       after_.dial_timeout);
        fixed_.compare("leafnodes.min_version", "", "MinVersion", before_.min_version,
                       after_.min_version);
        fixed_.compare("leafnodes.isolate_leafnode_interest", "", "IsolateLeafnodeInterest",
                       before_.isolate_interest, after_.isolate_interest);
        fixed_.compare("leafnodes.ping_interval", "", "PingInterval", before_.times.ping_interval,
                       after_.times.ping_interval);
        fixed_.compare("leafnodes.ping_max", "", "MaxPingsOut", before_.times.ping_max,
                       after_.times.ping_max);
        fixed_.compare("leafnodes.write_deadline", "", "WriteDeadline",
                       before_.times.write_deadline, after_.times.write_deadline);
        fixed_.compare("leafnodes.write_timeout", "", "WriteTimeout", before_.times.write_timeout,
                       after_.times.write_timeout);
        const bool same_handshake = handshake_first(before_.tls) == handshake_first(after_.tls) &&
                                    hello_wait(before_.tls) == hello_wait(after_.tls);
        if (!same_handshake) {
            say(fmt::format("Reloaded: LeafNode TLS HandshakeFirst value is: {}",
                            show(handshake_first(after_.tls))));
            say(fmt::format("Reloaded: LeafNode TLS HandshakeFirstFallback value is: {}",
                            show(hello_wait(after_.tls))));
        }
        if (rest_of(before_.tls) != rest_of(after_.tls)) {
            changes_->push_back({OptionId::kLeafnodesTls, true, false, "Reloaded: leafnode tls"});
        }
        if (before_.compression != after_.compression) {
            say(fmt::format("Reloaded: LeafNode Compression value is: {}",
                            show(after_.compression)));
        }
    }

    void compare_remote(const RemoteLeafnode& old, const RemoteLeafnode& now) {
        constexpr std::string_view kRemotes = "leafnodes.remotes";
        const std::string where = fmt::format("remote {}: ", now.name());
        fixed_.compare(kRemotes, where, "NoRandomize", old.no_randomize, now.no_randomize);
        fixed_.compare(kRemotes, where, "Hub", old.hub, now.hub);
        fixed_.compare(kRemotes, where, "DenyImports", old.deny_imports, now.deny_imports);
        fixed_.compare(kRemotes, where, "DenyExports", old.deny_exports, now.deny_exports);
        fixed_.compare(kRemotes, where, "FirstInfoTimeout", old.first_info_timeout,
                       now.first_info_timeout);
        fixed_.compare(kRemotes, where, "DialTimeout", old.dial_timeout, now.dial_timeout);
        fixed_.compare(kRemotes, where, "LocalIsolation", old.isolate_interest,
                       now.isolate_interest);
        fixed_.compare(kRemotes, where, "RequestIsolation", old.request_isolation,
                       now.request_isolation);
        fixed_.compare(kRemotes, where, "IgnoreDiscoveredServers", old.ignore_discovered_servers,
                       now.ignore_discovered_servers);
        fixed_.compare(kRemotes, where, "WebsocketCompression", old.websocket_compression,
                       now.websocket_compression);
        fixed_.compare(kRemotes, where, "WebsocketNoMasking", old.websocket_no_masking,
                       now.websocket_no_masking);
        ProxyOptions proxy = now.proxy;
        proxy.tls = old.proxy.tls;
        if (old.proxy != proxy) {
            fixed_.refuse(
                kRemotes,
                where + "field \"Proxy\": only the proxy TLS configuration can be changed");
        }
        const std::string_view line = "Reloaded: LeafNode Remote {} {} value is: {}";
        if (handshake_first(old.tls) != handshake_first(now.tls)) {
            say(fmt::format(fmt::runtime(line), now.name(), "TLS HandshakeFirst",
                            show(handshake_first(now.tls))));
        }
        if (old.compression != now.compression) {
            say(fmt::format(fmt::runtime(line), now.name(), "Compression", show(now.compression)));
        }
        if (old.disabled != now.disabled) {
            say(fmt::format(fmt::runtime(line), now.name(), "Disabled", show(now.disabled)));
        }
        if (rest_of(old.tls) != rest_of(now.tls) || old.proxy.tls != now.proxy.tls) {
            changes_->push_back({OptionId::kLeafnodesTls, true, false, ""});
        }
    }

    const LeafnodeOptions& before_;
    const LeafnodeOptions& after_;
    std::vector<Change>* changes_;
    FixedFields fixed_;
};

}  // namespace

void compare_leafnodes(const LeafnodeOptions& active, const LeafnodeOptions& fresh,
                       std::vector<Change>* changes) {
    LeafnodeDiffer(active, fresh, changes).run();
}

}  // namespace nuring::config
