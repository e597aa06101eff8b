// SPDX-License-Identifier: Apache-2.0
#include "monitor/user_info.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/auth/authenticator.h"
#include "core/auth/trust.h"
#include "core/base/time_units.h"
#include "core/client/client.h"

namespace nuring::monitor {
namespace {

void write_subjects(proto::JsonWriter* json, std::string_view key, const std::vector<std::string>& subjects) {
    if (subjects.empty()) return;
    json->begin_array(key);
    for (const std::string& subject : subjects) json->value(subject);
    json->end_array();
}

void write_subjects(proto::JsonWriter* json, std::string_view key,
                    const config::SubjectPermissions& permissions) {
    json->begin_object(key);
    write_subjects(json, "allow", permissions.allow);
    write_subjects(json, "deny", permissions.deny);
    json->end_object();
}

}  // namespace

void write_user_info(proto::JsonWriter* json, const client::Client& client, const auth::Trust* trust,
                     int64_t now_s) {
    const std::string& account = client.account().name();
    const auth::TrustedAccountPtr trusted = trust == nullptr ? nullptr : trust->find(account);
    const auth::Identity* identity = client.identity();
    json->begin_object();
    json->field("user", client.user());
    json->field("account", account);
    json->optional_field("account_name", trusted == nullptr ? account : trusted->claims.head.name);
    if (identity != nullptr) json->optional_field("user_name", identity->name_tag);
    if (identity != nullptr && identity->permissions != nullptr) {
        const config::Permissions& permissions = identity->permissions->configured();
        json->begin_object("permissions");
        write_subjects(json, "publish", permissions.publish);
        write_subjects(json, "subscribe", permissions.subscribe);
        if (permissions.responses.has_value()) {
            json->begin_object("responses");
            json->field("max", permissions.responses->max_messages);
            json->field("ttl", permissions.responses->expires.count());
            json->end_object();
        }
        json->end_object();
    }
    if (identity != nullptr && identity->valid_until_s != 0) {
        constexpr auto kSecond = static_cast<int64_t>(base::kSecond_ns);
        const int64_t left_s =
            std::clamp<int64_t>(identity->valid_until_s - now_s, 0, INT64_MAX / kSecond);
        json->optional_field("expires", left_s * kSecond);
    }
    json->end_object();
}

}  // namespace nuring::monitor
