// SPDX-License-Identifier: Apache-2.0
// Users, nkeys, permissions: the `authorization` block of clients and of other links.
#include <fmt/format.h>

#include <utility>

#include "core/config/check_accounts.h"
#include "core/config/duration.h"
#include "core/config/names.h"
#include "core/config/reader.h"
#include "core/config/text.h"
#include "proto/subject.h"

namespace nuring::config {
namespace {

using std::chrono::nanoseconds;

constexpr UnknownKey kInPermissions = {"Unknown field \"", "\" parsing permissions", true};
constexpr UnknownKey kInSubjects = {
    "Unknown field name \"", "\" parsing subject permissions, only 'allow' or 'deny' are permitted",
    true};

// ---------------------------------------------------------------------------- permissions

// The fault of a subject, or of "subject queue"; empty: none.
std::string subject_fault(std::string_view text, QueueNames queues) {
    if (std::string fault = subject_size_fault(text); !fault.empty()) return fault;
    if (proto::is_valid_subject(text)) return "";
    const std::string_view whole = strip(text);
    const size_t space = whole.find_first_of(" \t\r\n\f\v");
    std::string_view subject = text;
    if (queues == QueueNames::kTaken && space != std::string_view::npos) {
        const std::string_view queue = strip(whole.substr(space));
        if (queue.find_first_of(" \t\r\n\f\v") == std::string_view::npos) {
            subject = whole.substr(0, space);
            if (proto::is_valid_subject(subject)) {
                if (proto::is_valid_subject(queue)) return "";
                return fmt::format("queue \"{}\" is not a valid queue", queue);
            }
        }
    }
    return fmt::format("subject \"{}\" is not a valid subject", subject);
}

// One blank between subject and queue, none around them. The text has no fault.
std::string with_one_blank(std::string_view text) {
    if (proto::is_valid_subject(text)) return std::string(text);
    const std::string_view whole = strip(text);
    const size_t space = whole.find_first_of(" \t\r\n\f\v");
    return fmt::format("{} {}", whole.substr(0, space), strip(whole.substr(space)));
}

template <QueueNames kQueues>
constexpr Row<SubjectPermissions> kSubjectRows[] = {
    {"allow", [](Reader& r, const Member& m,
                 SubjectPermissions* out) { read_subjects(r, m.value, kQueues, &out->allow); }},
    {"deny", [](Reader& r, const Member& m,
                SubjectPermissions* out) { read_subjects(r, m.value, kQueues, &out->deny); }},
};

// A subject, an array of them, or a map of allow and deny.
template <QueueNames kQueues>
void read_subject_permissions(Reader& reader, const Value& value, SubjectPermissions* out) {
    *out = {};
    if (value.type == ValueType::kMap) {
        read_block(reader, value, kSubjectRows<kQueues>, out, kInSubjects);
    } else {
        read_subjects(reader, value, kQueues, &out->allow);
    }
}

// Zero stands for the default, a negative value for no limit.
constexpr Row<ResponsePermissions> kResponseRows[] = {
    {"max max_msgs max_messages max_responses",
     [](Reader& r, const Member& m, ResponsePermissions* out) {
         int64_t count = 0;
         if (r.integer(m.value, &count) && count != 0) out->max_messages = count;
     }},
    {"expires expiration ttl",
     [](Reader& r, const Member& m, ResponsePermissions* out) {
         if (m.value.type != ValueType::kString && m.value.type != ValueType::kInteger) {
             return r.error(m.value, "error parsing expires, not a duration string");
         }
         nanoseconds expires{0};
         if (r.duration(m.value, "expires", &expires) && expires != nanoseconds{0}) {
             out->expires = expires;
         }
     }},
};

void read_responses(Reader& reader, const Value& value, Permissions* out) {
    out->responses.reset();
    if (value.type == ValueType::kBool) {
        if (value.boolean) out->responses.emplace();
        return;
    }
    if (value.type != ValueType::kMap) {
        return reader.error(value,
                            "error parsing response permissions, expected a boolean or a map");
    }
    ResponsePermissions responses;
    read_block(reader, value, kResponseRows, &responses, kInPermissions);
    out->responses = responses;
}

constexpr Row<Permissions> kPermissionRows[] = {
    {"publish pub import",
     [](Reader& r, const Member& m, Permissions* out) {
         read_subject_permissions<QueueNames::kRefused>(r, m.value, &out->publish);
     }},
    {"subscribe sub export",
     [](Reader& r, const Member& m, Permissions* out) {
         read_subject_permissions<QueueNames::kTaken>(r, m.value, &out->subscribe);
     }},
    {"allow_responses publish_allow_responses",
     [](Reader& r, const Member& m, Permissions* out) { read_responses(r, m.value, out); }},
};

// ---------------------------------------------------------------------------- users

struct UserEntry {
    std::string name;
    std::string password;
    std::string nkey;
    std::optional<Permissions> permissions;
    std::vector<std::string> connection_types;
};

bool is_connection_type(std::string_view type) {
    for (const std::string_view known :
         {"STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"}) {
        if (type == known) return true;
    }
    return false;
}

void read_connection_types(Reader& reader, const Value& value, std::vector<std::string>* out) {
    if (!reader.texts(value, out)) return;
    std::string unknown;
    for (std::string& type : *out) {
        for (char& c : type) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        if (is_connection_type(type)) continue;
        if (!unknown.empty()) unknown += ' ';
        unknown += fmt::format("\"{}\"", type);
    }
    if (!unknown.empty()) reader.error(value, fmt::format("invalid connection types [{}]", unknown));
}

constexpr Row<UserEntry> kUserRows[] = {
    {"user username",
     [](Reader& r, const Member& m, UserEntry* out) { r.text(m.value, &out->name); }},
    {"password pass",
     [](Reader& r, const Member& m, UserEntry* out) { r.text(m.value, &out->password); }},
    {"nkey", [](Reader& r, const Member& m, UserEntry* out) { r.text(m.value, &out->nkey); }},
    {"permissions permission authorization",
     [](Reader& r, const Member& m, UserEntry* out) {
         Permissions permissions;
         if (read_permissions(r, m.value, &permissions)) out->permissions = permissions;
     }},
    {"allowed_connection_types connection_types clients",
     [](Reader& r, const Member& m, UserEntry* out) {
         r.note(m.value, Part::kConnectionTypes);
         read_connection_types(r, m.value, &out->connection_types);
     }},
    {"proxy_required", &read_proxy_required<UserEntry>},
};

// Sorts an entry into users or nkeys. A fault of the whole entry is reported at its first key.
void add_entry(Reader& reader, const Value& map, UserEntry entry, std::vector<User>* users,
               std::vector<NkeyUser>* nkeys) {
    const Value& at = map.members.empty() ? map : map.members.front().value;
    if (entry.name.empty() && entry.nkey.empty()) {
        return reader.error(at, "User entry requires a user");
    }
    if (entry.nkey.empty()) {
        users->push_back({entry.name, entry.password, std::move(entry.permissions), "",
                          std::move(entry.connection_types)});
        return;
    }
    if (!is_public_key(entry.nkey, KeyKind::kUser)) {
        return reader.error(at, "Not a valid public nkey for a user");
    }
    if (!entry.name.empty() || !entry.password.empty()) {
        return reader.error(at, "Nkey users do not take usernames or passwords");
    }
    nkeys->push_back(
        {entry.nkey, std::move(entry.permissions), "", std::move(entry.connection_types)});
}

// ---------------------------------------------------------------------------- authorization

constexpr Row<AuthorizationBlock> kAuthorizationRows[] = {
    {"user username",
     [](Reader& r, const Member& m, AuthorizationBlock* out) { r.text(m.value, &out->user); }},
    {"password pass",
     [](Reader& r, const Member& m, AuthorizationBlock* out) { r.text(m.value, &out->password); }},
    {"token",
     [](Reader& r, const Member& m, AuthorizationBlock* out) { r.text(m.value, &out->token); }},
    {"timeout",
     [](Reader& r, const Member& m, AuthorizationBlock* out) {
         out->timeout_given = r.login_timeout(m, "authorization", &out->timeout);
     }},
    {"users",
     [](Reader& r, const Member& m, AuthorizationBlock* out) {
         out->has_users = read_users(r, m.value, &out->users, &out->nkeys);
     }},
    {"default_permissions default_permission permissions",
     [](Reader& r, const Member& m, AuthorizationBlock* out) {
         Permissions permissions;
         if (read_permissions(r, m.value, &permissions)) out->default_permissions = permissions;
     }},
    {"auth_callout auth_hook",
     [](Reader& r, const Member& m, AuthorizationBlock* out) {
         out->has_callout = true;
         r.note(m.value, Part::kAuthCallout);
     }},
    {"proxy_required", &read_proxy_required<AuthorizationBlock>},
};

}  // namespace

bool read_subjects(Reader& reader, const Value& value, QueueNames queues,
                   std::vector<std::string>* out) {
    out->clear();
    if (value.type != ValueType::kString && value.type != ValueType::kArray) {
        reader.error(value, fmt::format("Expected subject permissions to be a subject, or array of "
                                        "subjects, got {}",
                                        value.go_type()));
        return false;
    }
    std::vector<std::string> subjects;
    if (value.type == ValueType::kString) subjects.push_back(value.text);
    for (const Value& element : value.elements) {
        if (element.type != ValueType::kString) {
            reader.error(element, "Subject in permissions array cannot be cast to string");
            return false;
        }
        subjects.push_back(element.text);
    }
    for (const std::string& subject : subjects) {
        const std::string fault = subject_fault(subject, queues);
        if (fault.empty()) continue;
        reader.error(value, fault);
        return false;
    }
    for (std::string& subject : subjects) subject = with_one_blank(subject);
    *out = std::move(subjects);
    return true;
}

bool read_permissions(Reader& reader, const Value& value, Permissions* out) {
    if (value.type != ValueType::kMap) {
        reader.error(
            value, fmt::format("Expected permissions to be a map/struct, got {}", value.go_text()));
        return false;
    }
    read_block(reader, value, kPermissionRows, out, kInPermissions);
    return true;
}

bool read_users(Reader& reader, const Value& value, std::vector<User>* users,
                std::vector<NkeyUser>* nkeys) {
    if (value.type != ValueType::kArray) {
        reader.error(value,
                     fmt::format("Expected users field to be an array, got {}", value.go_type()));
        return false;
    }
    users->clear();
    nkeys->clear();
    for (const Value& element : value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element, fmt::format("Expected user entry to be a map/struct, got {}",
                                              element.go_type()));
            continue;
        }
        UserEntry entry;
        read_block(reader, element, kUserRows, &entry);
        add_entry(reader, element, std::move(entry), users, nkeys);
    }
    return true;
}

void apply_default_permissions(const std::optional<Permissions>& defaults, std::vector<User>* users,
                               std::vector<NkeyUser>* nkeys) {
    if (!defaults) return;
    for (User& user : *users) {
        if (!user.permissions) user.permissions = defaults;
    }
    // RC19 leaves nkey users without; 2.9.10 gives them the same, as their owner expects.
    for (NkeyUser& user : *nkeys) {
        if (!user.permissions) user.permissions = defaults;
    }
}

bool read_authorization(Reader& reader, const Value& value, AuthorizationBlock* out) {
    if (!reader.map(value)) return false;
    read_block(reader, value, kAuthorizationRows, out);
    apply_default_permissions(out->default_permissions, &out->users, &out->nkeys);
    return true;
}

// The top-level block: the clients' one.
void read_client_authorization(Reader& reader, const Value& value) {
    AuthorizationBlock block;
    if (!read_authorization(reader, value, &block)) return;
    if ((!block.user.empty() || !block.password.empty()) && !block.token.empty()) {
        return reader.error(value, "Cannot have a user/pass and token");
    }
    if (block.has_users && !block.user.empty()) {
        return reader.error(value, "Can not have a single user/pass and a users array");
    }
    if (block.has_users && !block.token.empty()) {
        return reader.error(value, "Can not have a token and a users array");
    }
    AuthorizationOptions& out = reader.options()->authorization;
    out.defined = true;
    out.user = block.user;
    out.password = block.password;
    out.token = block.token;
    if (block.timeout_given) out.timeout = block.timeout;
    out.timeout_given = block.timeout_given;
    out.default_permissions = block.default_permissions;
    for (User& user : block.users) {
        if (!reader.first_use(user.name)) {
            reader.error(value, fmt::format("Duplicate user \"{}\" detected", user.name));
        }
        out.users.push_back(std::move(user));
    }
    for (NkeyUser& user : block.nkeys) {
        if (!reader.first_use(user.nkey)) {
            reader.error(value, fmt::format("Duplicate nkey \"{}\" detected", user.nkey));
        }
        out.nkeys.push_back(std::move(user));
    }
}

// A single user beside users of accounts could never log in, and a token would be a way round them (errors
// since 2.8.0).
void check_users(Reader& reader, const Value& root) {
    const AuthorizationOptions& authorization = reader.options()->authorization;
    const bool any_user = !authorization.users.empty() || !authorization.nkeys.empty();
    const bool has_token = !authorization.token.empty();
    if (!any_user || (authorization.user.empty() && !has_token)) return;
    const Value* at = root.find("authorization");
    reader.error(at != nullptr ? *at : root, has_token ? "Can not have a token and accounts"
                                                       : "Can not have a single user/pass and accounts");
}

}  // namespace nuring::config
