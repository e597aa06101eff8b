// SPDX-License-Identifier: Apache-2.0
// The differences that a reload makes, and whether it may make them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/config/options.h"

namespace nuring::config {

// Names one option, or a few that are applied together, in the order in which they are applied.
enum class OptionId : uint8_t {
    // Logging: rebuild the log's target.
    kDebug,
    kTrace,
    kTraceVerbose,
    kLogtime,
    kLogtimeUtc,
    kLogFile,
    kLogSizeLimit,
    kLogMaxNum,
    kLogFormat,
    kSyslog,
    kRemoteSyslog,
    kMaxTracedMsgLen,
    kTraceHeaders,
    // Users and their logins.
    kTls,
    kTlsTimeout,
    kUser,
    kPassword,
    kToken,
    kAuthTimeout,
    kUsers,
    kNkeys,
    kNoAuthUser,
    kDefaultSentinel,
    kAccounts,
    kMappings,
    kResolver,
    // Limits and times.
    kMaxConnections,
    kMaxControlLine,
    kMaxPayload,
    kPingInterval,
    kPingMax,
    kWriteDeadline,
    kWriteTimeout,
    kLameDuckDuration,
    kLameDuckGracePeriod,
    kConnectErrorReports,
    kReconnectErrorReports,
    kNoFastProducerStall,
    // Files, addresses, names.
    kPidFile,
    kPortsFileDir,
    kClientAdvertise,
    kServerTags,
    // Other servers.
    kCluster,
    kRoutes,
    kGatewayTls,
    kLeafnodesTls,
    // A line for each thing that has changed: remotes that came, went, were disabled or enabled;
    // compression; handshake_first. The user compares the two Options itself.
    kLeafnodes,
    kWebsocketTls,
    // Only at start.
    kFixed,
};

// Change is one difference between two Options.
struct Change {
    OptionId id = OptionId::kFixed;
    bool reloadable = false;
    // Connections have to be checked again: who they are, what they may.
    bool authorization = false;
    // The line to log once it is applied ("Reloaded: debug = true"); empty: none. If it is not
    // reloadable: why the whole reload is refused.
    std::string text;
    // If it is not reloadable: the option as the file names it ("max_pending", "uring.workers"); empty if
    // other values of it can be reloaded.
    std::string_view key = {};
};

// All differences, in the order of OptionId. Both sides complete()d and, the later one, through
// keep_ports(). Values of passwords and tokens never show in a text. Files that keep their name but
// not their contents (certificates) are not seen here: core/tls compares what it has loaded.
// Parts that are not active are left out.
// Source: diffOptions and the Apply functions of server/reload.go, RC19; lame duck times, log sizes,
//         no_auth_user and the TLS of gateways and leafnodes are reloadable as in later versions,
//         leafnodes as in 2.15.3.
std::vector<Change> diff(const Options& active, const Options& fresh);

// OK, or why every change that is not reloadable is refused, so that nobody learns of them one by
// one (the reference names the first only). Nothing may be applied then.
absl::Status check_reload(const std::vector<Change>& changes);

// OK, or why leafnodes cannot come by a reload: a server that started without links to other servers keeps
// no interest to announce to them.
absl::Status check_links(bool linked_at_start, const Options& fresh);

// The options of complete()d Options that differ from their defaults and that no reload can change:
// what `-t` names.
std::vector<std::string_view> fixed_options(const Options& options);

// A port of -1 in the fresh file means the one in use, not another one.
void keep_ports(const Options& active, Options* fresh);

}  // namespace nuring::config
