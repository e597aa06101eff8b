// SPDX-License-Identifier: Apache-2.0
#include "core/config/diff_leafnodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/duration.h"
#include "core/config/show_value.h"

namespace nuring::config {
namespace {

using config::show;

// As Go prints the struct: {s2_fast []}.
std::string show(const CompressionOptions& compression) {
    return fmt::format("{{{} {}}}", compression_name(compression.mode), show(compression.rtt_thresholds));
}
std::string show(WriteTimeout value) {
    switch (value) {
        case WriteTimeout::kDefault:
            return "default";
        case WriteTimeout::kClose:
            return "close";
        case WriteTimeout::kRetry:
            return "retry";
    }
    return "";
}

// The identity of a remote, passwords included.
bool same_remote(const RemoteLeafnode& a, const RemoteLeafnode& b) {
    return a.urls == b.urls && a.account == b.account && a.credentials == b.credentials &&
           a.nkey == b.nkey;
}

const RemoteLeafnode* find(const std::vector<RemoteLeafnode>& remotes, const RemoteLeafnode& wanted) {
    const auto found = std::find_if(remotes.begin(), remotes.end(), [&](const RemoteLeafnode& each) {
        return same_remote(each, wanted);
    });
    return found == remotes.end() ? nullptr : &*found;
}

bool handshake_first(const std::optional<TlsOptions>& tls) {
    return tls && tls->handshake_first;
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
        : before_(before), after_(after), changes_(changes) {}

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
            if (find(before_.remotes, now) == nullptr) say("");  // the dialler has a line for it
        }
    }

  private:
    void say(std::string text) {
        changes_->push_back({OptionId::kLeafnodes, true, false, std::move(text)});
    }

    void refuse(std::string_view where, std::string_view field, std::string_view old,
                std::string_view now) {
        changes_->push_back({OptionId::kFixed, false, false,
                             fmt::format("config reload not supported for LeafNode: {}field \"{}\": "
                                         "old={}, new={}",
                                         where, field, old, now),
                             "leafnodes"});
    }

    template <typename Value>
    void fixed(std::string_view where, std::string_view field, const Value& old, const Value& now) {
        if (old != now) refuse(where, field, show(old), show(now));
    }

    void compare_block() {
        fixed("", "Host", before_.host, after_.host);
        fixed("", "Port", before_.port, after_.port);
        const LinkAuthorization& old = before_.authorization;
        const LinkAuthorization& now = after_.authorization;
        fixed("", "Username", old.user, now.user);
        if (old.password != now.password) refuse("", "Password", "[REDACTED]", "[REDACTED]");
        fixed("", "Nkey", old.nkey, now.nkey);
        fixed("", "Account", old.account, now.account);
        fixed("", "AuthTimeout", old.timeout, now.timeout);
        if (before_.users != after_.users) {
            refuse("", "Users", fmt::format("{} users", before_.users.size()),
                   fmt::format("{} users", after_.users.size()));
        }
        fixed("", "Advertise", before_.advertise, after_.advertise);
        fixed("", "NoAdvertise", before_.no_advertise, after_.no_advertise);
        fixed("", "ReconnectInterval", before_.reconnect_interval, after_.reconnect_interval);
        fixed("", "DialTimeout", before_.dial_timeout, after_.dial_timeout);
        fixed("", "MinVersion", before_.min_version, after_.min_version);
        fixed("", "IsolateLeafnodeInterest", before_.isolate_interest, after_.isolate_interest);
        fixed("", "PingInterval", before_.times.ping_interval, after_.times.ping_interval);
        fixed("", "MaxPingsOut", before_.times.ping_max, after_.times.ping_max);
        fixed("", "WriteDeadline", before_.times.write_deadline, after_.times.write_deadline);
        fixed("", "WriteTimeout", before_.times.write_timeout, after_.times.write_timeout);
        if (handshake_first(before_.tls) != handshake_first(after_.tls)) {
            say(fmt::format("Reloaded: LeafNode TLS HandshakeFirst value is: {}",
                            show(handshake_first(after_.tls))));
        }
        if (rest_of(before_.tls) != rest_of(after_.tls)) {
            changes_->push_back({OptionId::kLeafnodesTls, true, false, "Reloaded: leafnode tls"});
        }
        if (before_.compression != after_.compression) {
            say(fmt::format("Reloaded: LeafNode Compression value is: {}", show(after_.compression)));
        }
    }

    void compare_remote(const RemoteLeafnode& old, const RemoteLeafnode& now) {
        const std::string where = fmt::format("remote {}: ", now.name());
        fixed(where, "NoRandomize", old.no_randomize, now.no_randomize);
        fixed(where, "Hub", old.hub, now.hub);
        fixed(where, "DenyImports", old.deny_imports, now.deny_imports);
        fixed(where, "DenyExports", old.deny_exports, now.deny_exports);
        fixed(where, "FirstInfoTimeout", old.first_info_timeout, now.first_info_timeout);
        fixed(where, "DialTimeout", old.dial_timeout, now.dial_timeout);
        fixed(where, "LocalIsolation", old.isolate_interest, now.isolate_interest);
        fixed(where, "RequestIsolation", old.request_isolation, now.request_isolation);
        fixed(where, "IgnoreDiscoveredServers", old.ignore_discovered_servers,
              now.ignore_discovered_servers);
        fixed(where, "WebsocketCompression", old.websocket_compression, now.websocket_compression);
        fixed(where, "WebsocketNoMasking", old.websocket_no_masking, now.websocket_no_masking);
        ProxyOptions proxy = now.proxy;
        proxy.tls = old.proxy.tls;
        if (old.proxy != proxy) {
            changes_->push_back({OptionId::kFixed, false, false,
                                 fmt::format("config reload not supported for LeafNode: {}field "
                                             "\"Proxy\": only the proxy TLS configuration can be changed",
                                             where),
                                 "leafnodes"});
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
};

}  // namespace

void compare_leafnodes(const LeafnodeOptions& active, const LeafnodeOptions& fresh,
                       std::vector<Change>* changes) {
    LeafnodeDiffer(active, fresh, changes).run();
}

}  // namespace nuring::config
