// SPDX-License-Identifier: Apache-2.0
// Options: everything a user can configure, as plain structs with the defaults beside the fields.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/diagnostics.h"
#include "core/config/url.h"

namespace nuring::config {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// A port that is an int: kPortRandom asks the kernel for a free one, 0 means "not set" (for a
// listener that is optional: off).
inline constexpr int kPortRandom = -1;

// Limits whose value is kUnlimited (or any negative one) do not limit. For max_subscriptions
// 0 means unlimited as well, as in the reference.
inline constexpr int64_t kUnlimited = -1;

// Of accounts and users: a negative limit that is not kUnlimited allows nothing, as in nats-server.
constexpr int64_t account_limit(int64_t given) { return given < kUnlimited ? 0 : given; }

// ---------------------------------------------------------------------------- permissions

// One direction. An empty allow list allows everything; deny wins over allow. An entry is a subject
// pattern, for subscribe optionally followed by a space and a queue name (2.1.2 and newer).
struct SubjectPermissions {
    std::vector<std::string> allow;
    std::vector<std::string> deny;

    bool empty() const { return allow.empty() && deny.empty(); }
    friend bool operator==(const SubjectPermissions&, const SubjectPermissions&) = default;
};

// allow_responses: a subscriber may answer to the reply subject of what it received.
struct ResponsePermissions {
    int64_t max_messages = 1;                       // 2.0.4; negative: no limit
    nanoseconds expires = std::chrono::minutes(2);  // 2.0.4; negative: no limit

    friend bool operator==(const ResponsePermissions&, const ResponsePermissions&) = default;
};

// With responses, an empty publish.allow allows nothing but responses (2.0.4).
struct Permissions {
    SubjectPermissions publish;    // of a cluster: import
    SubjectPermissions subscribe;  // of a cluster: export
    std::optional<ResponsePermissions> responses;

    friend bool operator==(const Permissions&, const Permissions&) = default;
};

// ---------------------------------------------------------------------------- who may enter

struct User {
    std::string name;
    std::string password;                       // plain or bcrypt; empty accepts only an empty one
    std::optional<Permissions> permissions;     // defaults already applied; none: no restriction
    std::string account;                        // empty: $G
    std::vector<std::string> connection_types;  // 2.2; empty: all

    friend bool operator==(const User&, const User&) = default;
};

struct NkeyUser {
    std::string nkey;  // public user key, "U..."
    std::optional<Permissions> permissions;
    std::string account;                        // empty: $G
    std::vector<std::string> connection_types;  // 2.2; empty: all

    friend bool operator==(const NkeyUser&, const NkeyUser&) = default;
};

// The `authorization` block for clients. Users of the `accounts` block are in here too, with their
// account's name: one table for whoever authenticates.
struct AuthorizationOptions {
    bool defined = false;  // the file has the block, be it empty
    std::string user;
    std::string password;
    std::string token;
    nanoseconds timeout = seconds(2);  // 2.9.10; RC19 has 1 s. With TLS: TLS timeout + 1 s
    bool timeout_given = false;
    std::vector<User> users;
    std::vector<NkeyUser> nkeys;
    std::optional<Permissions> default_permissions;

    friend bool operator==(const AuthorizationOptions&, const AuthorizationOptions&) = default;
};

// The single user that cluster, gateway and leafnode listeners may ask for.
struct LinkAuthorization {
    std::string user;
    std::string password;
    std::string nkey;                  // leafnodes only (2.10.8); public user key, "U..."
    std::string account;               // leafnodes only (2.1.7); empty: $G
    nanoseconds timeout = seconds(2);  // 2.9.10; RC19 has 1 s. With TLS: TLS timeout + 1 s
    bool timeout_given = false;

    friend bool operator==(const LinkAuthorization&, const LinkAuthorization&) = default;
};

// ---------------------------------------------------------------------------- TLS

// File names and policy; core/tls reads the files. `position` is where the block stands, for the
// messages about files that cannot be read.
struct CertificateFiles {
    std::string cert_file;
    std::string key_file;

    friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

struct TlsOptions {
    std::string cert_file;
    std::string key_file;
    std::vector<CertificateFiles> certificates;  // `certs` (2.10.8), instead of the pair above
    std::string ca_file;
    bool verify = false;               // a client certificate is required and checked
    bool verify_optional = false;      // verify: optional (2.15); checked if the client shows one
    bool map = false;                  // verify_and_map; implies verify
    bool check_known_urls = false;     // verify_cert_and_check_known_urls (2.2.0); implies verify
    bool insecure = false;             // do not check the peer when dialling
    nanoseconds timeout = seconds(2);  // handshake; 2.9.10; RC19 has 0.5 s
    std::vector<std::string> cipher_suites;      // Go's names; empty: default_cipher_suites()
    std::vector<std::string> curve_preferences;  // Go's names; empty: default_curves()
    std::vector<std::string> pinned_certs;       // 2.2.5; lower-case hex SHA-256 of the public key
    int64_t connection_rate_limit = 0;           // 2.7.0; handshakes per second, 0: no limit
    std::string min_version;                     // 2.10.21; "1.2" or "1.3"; empty: 1.2
    bool handshake_first = false;                // 2.10.0; TLS before INFO
    nanoseconds hello_wait{0};  // 2.10.4; then INFO comes first after all; 0: it does not
    Position position;

    // Compares what is configured, not where it stands.
    friend bool operator==(const TlsOptions& a, const TlsOptions& b);
};

// Source: server/ciphersuites.go 2.0.0-RC19.
const std::vector<std::string>& known_cipher_suites();
const std::vector<std::string>& default_cipher_suites();
const std::vector<std::string>& default_curves();

// ---------------------------------------------------------------------------- accounts

enum class ExchangeKind { kStream, kService };
enum class ResponseType { kSingleton, kStream, kChunked };

// Of a service export (2.1.0): the durations of its requests are published on a subject of the exporter's.
struct LatencyOptions {
    int sampling = 100;  // percent of the requests; 0: those whose trace headers ask for it
    std::string subject;

    friend bool operator==(const LatencyOptions&, const LatencyOptions&) = default;
};

struct AccountExport {
    ExchangeKind kind = ExchangeKind::kStream;
    std::string subject;
    bool is_public = true;                                  // no `accounts` list
    std::vector<std::string> accounts;                      // who may import, if not public
    bool token_required = false;                            // claims only: needs an activation token
    ResponseType response_type = ResponseType::kSingleton;  // 2.1.0, services only
    nanoseconds response_threshold{0};                      // 2.1.0, services only; 0: 2 minutes
    std::optional<LatencyOptions> latency;                  // services only
    int64_t account_token_position = 0;                     // 2.4.0

    friend bool operator==(const AccountExport&, const AccountExport&) = default;
};

struct AccountImport {
    ExchangeKind kind = ExchangeKind::kStream;
    std::string account;  // who exports
    std::string subject;  // its name there
    std::string to;       // service: local name, empty = subject. Stream: local name (2.2.0)
    std::string prefix;   // stream: put before the exporter's subject
    bool share = false;   // 2.2.0, services only
    bool activated = false;  // claims only: shows a token that is valid for this import

    friend bool operator==(const AccountImport&, const AccountImport&) = default;
};

struct MappingTarget {
    std::string subject;
    int weight = 100;  // percent
    std::string cluster;

    friend bool operator==(const MappingTarget&, const MappingTarget&) = default;
};

struct SubjectMapping {
    std::string source;
    std::vector<MappingTarget> targets;

    friend bool operator==(const SubjectMapping&, const SubjectMapping&) = default;
};

struct AccountLimits {  // 2.7.0
    int64_t connections = kUnlimited;
    int64_t subscriptions = kUnlimited;
    int64_t payload = kUnlimited;
    int64_t leafnodes = kUnlimited;

    friend bool operator==(const AccountLimits&, const AccountLimits&) = default;
};

struct AccountOptions {
    std::string name;
    std::string nkey;  // public account key, "A..."; mostly empty
    std::vector<AccountExport> exports;
    std::vector<AccountImport> imports;
    std::vector<SubjectMapping> mappings;  // 2.2.0
    AccountLimits limits;
    bool jetstream = false;  // its users may ask the JetStream of other servers
    std::optional<Permissions> default_permissions;  // 2.2.0; already applied to its users
    Position position;

    // Compares what is configured, not where it stands.
    friend bool operator==(const AccountOptions& a, const AccountOptions& b);
};

// The treatment of an account's file when a request deletes the account.
enum class AccountDeletion : uint8_t { kRefused, kRenamed, kRemoved };

// The directory of a resolver: a file per account.
struct AccountDirectoryOptions {
    std::string path;
    int64_t limit = 0;           // files; 0: kCachedAccountsMax in a cache, else none
    std::chrono::seconds ttl{};  // of a file that nobody uses; 0: until its token expires
    AccountDeletion deletion = AccountDeletion::kRefused;

    friend bool operator==(const AccountDirectoryOptions&, const AccountDirectoryOptions&) = default;
};
inline constexpr int64_t kCachedAccountsMax = 1000;

enum class ResolverKind { kNone, kMemory, kUrl, kFullDirectory, kCacheDirectory };

// Operator mode: trust comes from signed JWTs instead of from this configuration.
struct OperatorOptions {
    std::vector<std::string> files;         // operator JWTs (or the JWT text itself)
    std::vector<std::string> trusted_keys;  // public operator keys, "O..."
    ResolverKind resolver = ResolverKind::kNone;
    std::string resolver_url;
    std::optional<TlsOptions> resolver_tls;      // 2.2.0; of requests to an https URL
    AccountDirectoryOptions directory;           // 2.2.0
    std::map<std::string, std::string> preload;  // account key -> JWT
    std::vector<std::string> pinned_accounts;    // 2.4.0; whose users may log in here; empty: all
    std::string default_sentinel;                // 2.11; the JWT of clients that show no user JWT
    Position position;

    bool active() const { return !files.empty() || !trusted_keys.empty(); }
    // Compares what is configured, not where it stands.
    friend bool operator==(const OperatorOptions& a, const OperatorOptions& b);
};

// ---------------------------------------------------------------------------- other servers

// The modes in which bytes to another server can be compressed (2.10.0). After complete(), no block
// that is in use has kUnset; kUnknown is what validate() refuses.
enum class CompressionMode : uint8_t {
    kUnset,
    kUnknown,
    kNotSupported,
    kOff,
    kAccept,
    kFast,
    kBetter,
    kBest,
    kAuto,  // by round-trip time
};

// As INFO and CONNECT carry the mode: "s2_fast", "not supported". Empty: kUnset, kUnknown.
std::string_view compression_name(CompressionMode mode);

// From the block's `compression`. After complete(), mode is the effective one; in kAuto, the
// thresholds are the round-trip times up to which connections go uncompressed, then fast, then
// better; what is above the last is compressed best. A 0 leaves its level out.
struct CompressionOptions {
    CompressionMode mode = CompressionMode::kUnset;
    std::string text;  // the mode as the file names it, for messages
    std::vector<nanoseconds> rtt_thresholds;

    friend bool operator==(const CompressionOptions&, const CompressionOptions&) = default;
};

// When a connection is late. kClose: all that waited when a write began has not left within write_deadline;
// else: nothing has left for write_deadline. (2.11.11; there the default of clients is kClose.)
enum class WriteTimeout : uint8_t { kDefault, kClose, kRetry };

// Times of the connections to other servers (2.12 to 2.15). 0: as for clients, or a constant of the
// kind of connection.
struct LinkTimes {
    nanoseconds ping_interval{0};
    int ping_max = 0;
    nanoseconds write_deadline{0};
    WriteTimeout write_timeout = WriteTimeout::kDefault;

    friend bool operator==(const LinkTimes&, const LinkTimes&) = default;
};

// ping_interval of routes and gateways is not longer than this. Source: server/route.go 2.15.3.
inline constexpr seconds kRoutePingIntervalMax{30};
inline constexpr seconds kGatewayPingIntervalMax{15};
// Routes to each server when pool_size is not given (2.10.0).
inline constexpr int kRoutePoolSizeDefault = 3;

// Go's "host" and "port" of a listener: empty and 0 until complete() fills in the defaults.
struct ClusterOptions {
    std::string name;  // 2.2.0
    std::string host;  // default 0.0.0.0 when the port is set
    int port = 0;      // 0: no clustering
    std::string advertise;
    bool no_advertise = false;
    int connect_retries = 0;       // for implicit routes
    bool connect_backoff = false;  // 2.12.0
    LinkAuthorization authorization;
    std::optional<Permissions> permissions;  // publish = import, subscribe = export
    std::optional<TlsOptions> tls;
    std::vector<Url> routes;
    int pool_size = 0;                         // 2.10.0; 0: default; negative: one route, no pool
    std::vector<std::string> pinned_accounts;  // 2.10.0, key `accounts`; a route of their own each
    CompressionOptions compression;            // 2.10.0
    LinkTimes times;

    friend bool operator==(const ClusterOptions&, const ClusterOptions&) = default;
};

struct RemoteGateway {
    std::string name;
    std::vector<Url> urls;
    std::optional<TlsOptions> tls;

    friend bool operator==(const RemoteGateway&, const RemoteGateway&) = default;
};

// `gateways` may hold this server's own name, too: such an entry is not dialled, so that one list
// serves all clusters.
struct GatewayOptions {
    std::string name;
    std::string host;  // default 0.0.0.0 when the port is set
    int port = 0;
    std::string advertise;
    int connect_retries = 0;
    bool connect_backoff = false;  // 2.12.0
    bool reject_unknown = false;
    LinkAuthorization authorization;
    std::optional<TlsOptions> tls;
    std::vector<RemoteGateway> gateways;
    LinkTimes times;  // 2.14 and 2.15

    bool configured() const { return !name.empty() || port != 0; }
    friend bool operator==(const GatewayOptions&, const GatewayOptions&) = default;
};

// An HTTP proxy on the way to a remote (2.12.0).
struct ProxyOptions {
    std::string url;  // http or https; empty: none
    std::string user;
    std::string password;
    nanoseconds timeout{0};         // of the connection to the proxy; 0: default
    std::optional<TlsOptions> tls;  // 2.15

    friend bool operator==(const ProxyOptions&, const ProxyOptions&) = default;
};

struct RemoteLeafnode {
    std::vector<Url> urls;  // of one sort: ws and wss, or anything else
    std::string account;                    // local account; empty: $G
    std::string credentials;                // file
    std::string nkey;                       // 2.10.8; a user's seed, "SU..."; instead of credentials
    bool hub = false;                       // 2.1.7
    std::vector<std::string> deny_imports;  // 2.1.7
    std::vector<std::string> deny_exports;  // 2.1.7
    bool no_randomize = false;              // 2.2.3
    std::optional<TlsOptions> tls;
    CompressionOptions compression;               // 2.10.0
    nanoseconds first_info_timeout = seconds(1);  // 2.10.16; until the hub's INFO
    nanoseconds dial_timeout{0};                  // 2.14.5; 0: that of the block
    bool isolate_interest = false;                // 2.12.0; the hub hears nothing of other leafnodes
    bool request_isolation = false;               // 2.12.0; we hear nothing of the hub's others
    bool disabled = false;                        // 2.14.0; not dialled
    bool ignore_discovered_servers = false;       // 2.14.0
    bool websocket_compression = false;           // 2.2.0
    bool websocket_no_masking = false;            // 2.2.0
    ProxyOptions proxy;
    Position position;

    // urls=["nats-leaf://h:7422"], account="$G": the identity of a remote, without passwords.
    std::string name() const;
    // Compares what is configured, not where it stands.
    friend bool operator==(const RemoteLeafnode& a, const RemoteLeafnode& b);
};

struct LeafnodeOptions {
    std::string host;  // default 0.0.0.0 when the port is set
    int port = 0;
    std::string advertise;
    bool no_advertise = false;
    nanoseconds reconnect_interval = seconds(1);  // RC19; configurable since 2.0.2
    nanoseconds dial_timeout{0};                  // 2.14.5; 0: 1 s
    std::string min_version;                      // 2.8.0
    bool isolate_interest = false;                // 2.12.0, isolate_leafnode_interest
    LinkAuthorization authorization;
    std::vector<User> users;  // 2.1.7
    std::optional<TlsOptions> tls;
    CompressionOptions compression;  // 2.10.0; of accepted connections
    LinkTimes times;
    std::vector<RemoteLeafnode> remotes;

    bool configured() const { return port != 0 || !remotes.empty(); }
    friend bool operator==(const LeafnodeOptions&, const LeafnodeOptions&) = default;
};

// ---------------------------------------------------------------------------- websocket

// Without a port there is no listener, and the rest is not looked at.
struct WebsocketOptions {
    std::string host;  // default 0.0.0.0 when the port is set
    int port = 0;
    std::string advertise;           // host[:port]
    bool no_tls = false;             // has to be true if there is no tls block; else without effect
    std::optional<TlsOptions> tls;
    bool same_origin = false;
    std::vector<std::string> allowed_origins;  // empty: all
    bool compression = false;                  // permessage-deflate, if the client offers it
    nanoseconds handshake_timeout{0};          // 0: default
    std::string no_auth_user;                  // empty: the top-level one
    std::string jwt_cookie;                    // names of cookies
    std::string user_cookie;                   // 2.11
    std::string pass_cookie;                   // 2.11
    std::string token_cookie;                  // 2.11
    std::string user;      // `authorization`: instead of the top-level block's
    std::string password;
    std::string token;
    nanoseconds auth_timeout{0};                 // 0: the top-level one
    std::map<std::string, std::string> headers;  // 2.11; added to the answer of the upgrade
    nanoseconds ping_interval{0};                // 2.11.12; 0: the top-level one

    friend bool operator==(const WebsocketOptions&, const WebsocketOptions&) = default;
};

// ---------------------------------------------------------------------------- operations

enum class LogFormat { kText, kJson };

struct LogOptions {
    bool debug = false;
    bool trace = false;
    bool trace_verbose = false;  // 2.1.6: trace the system account as well
    bool logtime = true;
    bool logtime_utc = false;  // 2.9.21
    std::string file;          // empty: stderr, unless one of the next two
    bool syslog = false;
    std::string remote_syslog;            // udp://host:port, tcp://host:port, unix:///path
    int64_t file_size_limit = 0;          // 2.1.4: rotate above so many bytes; 0: never
    int64_t file_max_num = 0;             // 2.10.0: rotated files to keep; 0: all
    int64_t max_traced_msg_len = 0;       // 2.0.2: payload bytes in a trace line; 0: all
    bool trace_headers = false;           // 2.11.2: of payloads, the headers alone are traced
    LogFormat format = LogFormat::kText;  // ours: log_format

    bool to_stderr() const { return file.empty() && !syslog && remote_syslog.empty(); }
    friend bool operator==(const LogOptions&, const LogOptions&) = default;
};

struct HttpOptions {
    std::string host;       // default: the client host
    int port = 0;           // 0: off
    int https_port = 0;     // 0: off; excludes `port`
    std::string base_path;  // 2.1.7; default "/"

    friend bool operator==(const HttpOptions&, const HttpOptions&) = default;
};

enum class IoKind { kAuto, kUring, kEpoll };

// Whether workers are bound to processors. Auto: where there are more of them than workers, and until a
// worker has to wait for its own.
enum class Pinning : uint8_t { kAuto, kAlways, kNever };

// How the machine below works: block `uring`, all ours. Nothing here changes what clients see.
struct UringOptions {
    int workers = 0;            // 0: one per CPU that this process may use
    Pinning pin = Pinning::kAuto;
    nanoseconds busy_poll{0};   // spin for this time before sleeping; 0: sleep at once
    IoKind io = IoKind::kAuto;  // auto: io_uring where the kernel allows it, else epoll
    int64_t receive_buffer_size = 128 * 1024;  // bytes of one buffer lent to the ring
    int64_t receive_buffer_count = 256;       // per worker; a power of two
    int64_t send_buffer_size = 64 * 1024;     // bytes of one send slab
    int64_t zero_copy_threshold = 0;    // bytes of one send from which it is zero-copy; 0: off
    int64_t cache_entries = 16 * 1024;  // match cache, per worker
    bool heavy_hitters = true;          // find who publishes most, for the monitor
    bool locality = false;              // publishers move to the worker of their subscribers

    friend bool operator==(const UringOptions&, const UringOptions&) = default;
};

// Options is one complete configuration. It is built on the control thread (defaults, then the
// file, then the flags, then complete()), checked by validate(), and from then on never changed: a
// reload builds another one. Workers get it as shared_ptr<const Options>.
// Threads: read by all once published; written by its builder only.
// Limits:  sizes in bytes, durations in nanoseconds, counts as int64_t; see validate.h for ranges.
// Errors:  none here; the readers report into Diagnostics.
// Source:  server/opts.go and server/const.go of 2.0.0-RC19; where 2.9.10 has another default and
//          nothing speaks against it, the newer one, noted beside the field.
struct Options {
    std::string config_file;  // as given to -c; empty: none

    std::string server_name;  // 2.1.2; empty: the server id
    std::string host = "0.0.0.0";
    int port = 4222;
    std::string client_advertise;  // host[:port]

    int64_t max_control_line = 4096;         // bytes
    int64_t max_payload = 1024 * 1024;       // bytes; kUnlimited allowed
    int64_t max_pending = 64 * 1024 * 1024;  // bytes of outbound per connection
    int64_t max_connections = 64 * 1024;     // 0: nobody; negative: unlimited
    int64_t max_subscriptions = 0;           // per connection; 0 or negative: unlimited
    int64_t max_sub_tokens = 0;              // 2.6.4; tokens of a subscription; 0: unlimited
    int64_t max_closed_clients = 10000;      // RC19 constant, configurable since 2.10.26
    nanoseconds ping_interval = std::chrono::minutes(2);
    int ping_max = 2;                          // unanswered PINGs before a connection is stale
    nanoseconds write_deadline = seconds(10);  // 2.9.10; RC19 has 2 s
    WriteTimeout write_timeout = WriteTimeout::kDefault;  // 2.11.11

    nanoseconds lame_duck_duration = std::chrono::minutes(2);
    nanoseconds lame_duck_grace_period = seconds(10);  // 2.2.0

    bool no_header_support = false;        // 2.2.0
    bool disable_sublist_cache = false;    // 2.0.2
    bool allow_non_tls = false;            // 2.2.0
    bool no_fast_producer_stall = false;   // 2.10.26
    std::vector<std::string> server_tags;  // 2.2.0

    AuthorizationOptions authorization;
    std::string no_auth_user;  // 2.1.7; user of connections that send no credentials
    std::optional<TlsOptions> tls;

    LogOptions log;
    HttpOptions http;
    std::string pid_file;
    std::string ports_file_dir;
    int prof_port = 0;  // Go's profiler: accepted, has no effect here

    int64_t connect_error_reports = 3600;  // log every n-th failed first connect
    int64_t reconnect_error_reports = 1;   // log every n-th failed reconnect

    std::vector<AccountOptions> accounts;
    std::vector<SubjectMapping> mappings;  // 2.2.0, of the global account
    std::string system_account;            // empty: $SYS, unless no_system_account
    bool no_system_account = false;        // 2.2.0
    OperatorOptions trust;                 // operator mode

    ClusterOptions cluster;
    GatewayOptions gateway;
    LeafnodeOptions leafnodes;
    WebsocketOptions websocket;

    UringOptions uring;

    // Are there, or may there be, links to other servers?
    bool links_servers() const { return cluster.port != 0 || gateway.configured() || leafnodes.configured(); }

    // True: users of the system account are the only ones that the file names, and everybody else may enter.
    bool has_only_system_account() const;

    // Empty: the server makes one up, and takes over that of others.
    const std::string& configured_cluster_name() const {
        return cluster.name.empty() ? gateway.name : cluster.name;
    }

    friend bool operator==(const Options&, const Options&) = default;
};

// Fills in what depends on other options once file and flags are read: 0 and "" become defaults
// where the reference says so (port, limits, intervals), hosts of listeners, the authentication
// timeouts beside TLS, the monitoring host and path.
// Source: setBaselineOptions in server/opts.go 2.9.10.
void complete(Options* options);

// Is there an account of that name: in the configuration, or without being named in it?
bool defines_account(const Options& options, std::string_view account);

}  // namespace nuring::config
