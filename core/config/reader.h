// SPDX-License-Identifier: Apache-2.0
// The common part of all read_*.cc files: typed access to values, tables of keys, messages.
// Private to core/config.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/config/diagnostics.h"
#include "core/config/inactive.h"
#include "core/config/options.h"
#include "core/config/value.h"

namespace nuring::config {

// How a block words its complaint about a key that it does not know.
struct UnknownKey {
    std::string_view before = "unknown field \"";
    std::string_view after = "\"";
    bool variables_exempt = true;
};

// Reader turns values into Options. It keeps going after an error, so that one run shows them all.
// Threads: one owner; lives for one configuration.
// Errors:  into the Diagnostics; the functions return false where the caller must skip something.
// Source:  server/opts.go 2.0.0-RC19 and 2.9.10, message by message.
class Reader {
  public:
    Reader(Options* options, Diagnostics* diagnostics)
        : options_(options), diagnostics_(diagnostics) {}

    Options* options() { return options_; }
    bool has_errors() const { return diagnostics_->has_errors(); }
    size_t error_count() const { return diagnostics_->error_count(); }

    void error(const Value& at, std::string_view text);
    // invalid use of field "<field>": <reason>
    void warning(const Value& at, std::string_view field, std::string_view reason);
    // A line that fails neither a check nor a start.
    void notice(const Value& at, std::string_view text);
    // A warning in words of its own.
    void plain_warning(const Value& at, std::string_view text);
    // Says once that the part is not active, unless it is: an error if it has to be.
    void note(const Value& at, Part part);
    // The error about an unknown key, with the known one that was probably meant.
    void unknown(const Member& member, const UnknownKey& style,
                 const std::vector<std::string_view>& known);

    // Each reports a wrong type as Go's type assertion does, and leaves *out alone then.
    bool text(const Value& value, std::string* out);
    bool boolean(const Value& value, bool* out);
    bool integer(const Value& value, int64_t* out);
    bool number(const Value& value, int* out);
    bool port(const Value& value, int* out);
    bool map(const Value& value);
    bool array(const Value& value);
    // An array of strings, or one string.
    bool texts(const Value& value, std::vector<std::string>* out);

    // The same in other words: error parsing <field>: unsupported type ...
    bool names(const Value& value, std::string_view field, std::vector<std::string>* out);

    // Go notation. An integer with a letter that is also a unit (`2m`) is meant as a duration.
    bool duration(const Value& value, std::string_view field, std::chrono::nanoseconds* out);
    // Integer or float seconds, or Go notation; `any_type` takes what is neither for *fallback, as
    // the reference does.
    bool timeout(const Value& value, std::chrono::nanoseconds* out);
    // The timeout of an authorization block; `where` is its name in messages.
    bool login_timeout(const Member& member, std::string_view where, std::chrono::nanoseconds* out);
    // A whole number of seconds (with a warning that a duration is wanted, if so), or Go notation.
    bool seconds_or_duration(const Value& value, std::string_view field, bool warn,
                             std::chrono::nanoseconds* out);

    // "host:port", ":port" or a port. False: reported.
    bool listen(const Value& value, std::string* host, int* port);
    // A server address; kind is the word in the message. False: reported.
    bool url(const Value& value, std::string_view kind, Url* out);
    // An array of them; one that is there twice is left out, with a warning.
    bool urls(const Value& value, std::string_view kind, std::vector<Url>* out);

    // False if the name (user or nkey) was seen before among all users of clients.
    bool first_use(const std::string& user) { return users_.insert(user).second; }

  private:
    void wrong_type(const Value& value, std::string_view wanted);

    Options* options_;
    Diagnostics* diagnostics_;
    std::vector<Part> noted_;
    absl::flat_hash_set<std::string> users_;
};

// The text of what is no address, for messages: all that may be its password is replaced by "xxxxx".
std::string redacted_address(std::string_view text);

// One key of a block: its names, the usual one first, separated by spaces; and what it does.
template <typename Target>
struct Row {
    std::string_view names;
    void (*read)(Reader& reader, const Member& member, Target* target);
};

// The index of the row that has the name, or the count.
size_t find_row(const std::vector<std::string_view>& names, std::string_view key);

// Reads a map by its table, in file order. The caller has made sure that it is a map.
template <typename Target, size_t kCount>
void read_block(Reader& reader, const Value& map, const Row<Target> (&rows)[kCount], Target* target,
                const UnknownKey& style = {}) {
    std::vector<std::string_view> names;
    for (const Row<Target>& row : rows) names.push_back(row.names);
    for (const Member& member : map.members) {
        const size_t index = find_row(names, member.key);
        if (index < kCount) {
            rows[index].read(reader, member, target);
        } else {
            reader.unknown(member, style, names);
        }
    }
}

// `proxy_required`, wherever users are described.
template <typename Target>
void read_proxy_required(Reader& reader, const Member& member, Target*) {
    bool required = false;
    if (reader.boolean(member.value, &required) && required) {
        reader.note(member.value, Part::kProxyRequired);
    }
}

// An `authorization` block of clients, cluster or gateway.
struct AuthorizationBlock {
    std::string user;
    std::string password;
    std::string token;
    std::chrono::nanoseconds timeout{0};
    bool timeout_given = false;
    bool has_users = false;
    bool has_callout = false;
    std::vector<User> users;
    std::vector<NkeyUser> nkeys;
    std::optional<Permissions> default_permissions;
};

// The owner of a TLS block, which decides what is required and allowed.
enum class TlsSide : uint8_t { kClients, kLinks, kLinkRemote, kLeafnodeRemote, kResolver };

// May a queue name stand behind a subject? Only subscriptions have one.
enum class QueueNames : uint8_t { kRefused, kTaken };

// One block each. Those that return bool return false after they have reported an error.
bool read_authorization(Reader& reader, const Value& value, AuthorizationBlock* out);
bool read_users(Reader& reader, const Value& value, std::vector<User>* users,
                std::vector<NkeyUser>* nkeys);
void apply_default_permissions(const std::optional<Permissions>& defaults, std::vector<User>* users,
                               std::vector<NkeyUser>* nkeys);
bool read_permissions(Reader& reader, const Value& value, Permissions* out);
bool read_subjects(Reader& reader, const Value& value, QueueNames queues,
                   std::vector<std::string>* out);
bool read_tls(Reader& reader, const Value& value, TlsSide side, std::optional<TlsOptions>* out);
void read_latency(Reader& reader, const Value& value, std::optional<LatencyOptions>* out);
void read_accounts(Reader& reader, const Value& value);
void read_mappings(Reader& reader, const Value& value, std::vector<SubjectMapping>* out);
void read_operator_files(Reader& reader, const Value& value);
void read_trusted_keys(Reader& reader, const Value& value);
void read_resolver(Reader& reader, const Value& value);
void read_resolver_preload(Reader& reader, const Value& value);
void read_pinned_accounts(Reader& reader, const Value& value);
void read_client_authorization(Reader& reader, const Value& value);
void read_cluster(Reader& reader, const Value& value);
void read_gateway(Reader& reader, const Value& value);
void read_leafnodes(Reader& reader, const Value& value);
void read_websocket(Reader& reader, const Value& value);
void read_compression(Reader& reader, const Member& member, CompressionMode mode_for_on,
                      CompressionOptions* out);
void read_write_timeout(Reader& reader, const Member& member, WriteTimeout* out);
void read_ping_interval(Reader& reader, const Member& member, LinkTimes* out);
void read_link_deadline(Reader& reader, const Member& member, LinkTimes* out);
void read_jetstream(Reader& reader, const Value& value);
void read_account_jetstream(Reader& reader, const Value& value);
void read_mqtt(Reader& reader, const Value& value);
void read_message_trace(Reader& reader, const Member& member);
void read_ocsp_cache(Reader& reader, const Value& value);
void read_named_values(Reader& reader, const Value& value, Part part);
void read_uring(Reader& reader, const Value& value);

// The checks that need the whole file: users here and accounts there.
void check_users(Reader& reader, const Value& root);

}  // namespace nuring::config
