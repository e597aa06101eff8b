// SPDX-License-Identifier: Apache-2.0
#include "core/server/claims_requests.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/auth/account_directory.h"
#include "core/auth/claims_check.h"
#include "core/auth/nkey.h"
#include "core/base/status.h"
#include "core/base/time_units.h"
#include "core/server/server.h"
#include "core/server/server_fields.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "proto/json_writer.h"

namespace nuring::server {
namespace {

// $SYS.REQ.ACCOUNT.<a>.CLAIMS.x, $SYS.ACCOUNT.<a>.CLAIMS.x, $SYS.REQ.CLAIMS.x: what follows "ACCOUNT".
std::string account_in(std::string_view subject) {
    const std::vector<std::string> tokens = absl::StrSplit(base::absl_view(subject), '.');
    const auto word = std::find(tokens.begin(), tokens.end(), "ACCOUNT");
    return tokens.end() - word > 1 ? word[1] : std::string();
}

// How each kind of resolver words its answers to an update.
struct UpdateWords {
    std::string_view done = "jwt updated";
    std::string_view skipped = "jwt update skipped";
    std::string_view failed = "jwt update resulted in error";
    std::string_view invalid = "jwt validation failed";
};
constexpr UpdateWords kCacheWords = {.done = "jwt updated cache",
                                     .skipped = "jwt update cache skipped",
                                     .failed = "jwt update cache resulted in error",
                                     .invalid = "jwt update cache validation failed"};

}  // namespace

class ClaimsRequests::RequestJob final : public runtime::Job {
  public:
    RequestJob(const ClaimsRequests& requests, Handle handle,
               const client::InternalMessage& message)
        : requests_(requests),
          handle_(handle),
          state_(requests.server_.worker_state(0)),
          system_(message.account),
          reply_(message.reply),
          asked_{.account = account_in(message.subject),
                 .body = std::string(message.body),
                 .now_s = state_.host.ring.wall_s()} {}

    void work() override { answer_ = (requests_.*handle_)(asked_); }
    void run() override {
        if (answer_.is_error) {
            state_.host.log.error("{}", answer_.log_line);
        } else if (!answer_.log_line.empty()) {
            state_.host.log.debug("{}", answer_.log_line);
        }
        if (reply_.empty()) return;
        for (std::string& message : answer_.messages) {
            state_.internal.publish(
                {.account = &system_, .subject = reply_, .body = std::move(message)});
        }
    }

  private:
    const ClaimsRequests& requests_;
    const Handle handle_;
    WorkerState& state_;
    account::Account& system_;
    const std::string reply_;
    const Asked asked_;
    Answer answer_;
};

class ClaimsRequests::ExpireJob final : public runtime::Job {
  public:
    explicit ExpireJob(ClaimsRequests& requests)
        : requests_(requests), now_s_(requests.server_.worker_state(0).host.ring.wall_s()) {}
    void work() override {
        if (const auto directory = requests_.trust_->directory()) directory->expire(now_s_);
    }
    void run() override { requests_.arm_expire(); }

  private:
    ClaimsRequests& requests_;
    const int64_t now_s_;
};

ClaimsRequests::ClaimsRequests(Server& server, std::shared_ptr<auth::Trust> trust)
    : server_(server), trust_(std::move(trust)) {
    const auto directory = trust_->directory();
    if (directory != nullptr) {
        server_.post(0, [this] { arm_expire(); });
    }
    if (server_.system_account() == nullptr) return;
    subscribe("$SYS.ACCOUNT.*.CLAIMS.UPDATE", &ClaimsRequests::update);
    subscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE", &ClaimsRequests::update);
    if (directory == nullptr) return;
    subscribe("$SYS.REQ.CLAIMS.UPDATE", &ClaimsRequests::update);
    subscribe("$SYS.REQ.CLAIMS.LIST", &ClaimsRequests::list);
    subscribe("$SYS.REQ.CLAIMS.DELETE", &ClaimsRequests::remove);
    if (!directory->keeps_all()) return;
    subscribe("$SYS.REQ.CLAIMS.PACK", &ClaimsRequests::pack);
    subscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", &ClaimsRequests::lookup);
}

ClaimsRequests::~ClaimsRequests() {
    server_.worker_state(0).host.timers.disarm(expire_timer_);
}

void ClaimsRequests::subscribe(std::string_view pattern, Handle handle) {
    server_.subscribe(
        *server_.system_account(), std::string(pattern),
        [this, handle](const client::InternalMessage& message) { submit(handle, message); });
}

void ClaimsRequests::submit(Handle handle, const client::InternalMessage& message) const {
    // Only an update does something for who does not want to know.
    const bool is_update = handle == &ClaimsRequests::update || handle == &ClaimsRequests::remove;
    if (message.reply.empty() && !is_update) return;
    link::LinkHost& host = server_.worker_state(0).host;
    // Not behind a storm of hashed logins: tools wait for a second.
    host.handshakes.submit(host.worker, std::make_unique<RequestJob>(*this, handle, message));
}

void ClaimsRequests::on_expire_timer() {
    link::LinkHost& host = server_.worker_state(0).host;
    host.jobs.submit(host.worker, std::make_unique<ExpireJob>(*this));
}

void ClaimsRequests::arm_expire() {
    const auto directory = trust_->directory();
    if (directory == nullptr) return;
    link::LinkHost& host = server_.worker_state(0).host;
    const auto interval_ns =
        static_cast<uint64_t>(directory->expire_interval_s()) * base::kSecond_ns;
    host.timers.arm(expire_timer_, host.ring.now_ns() + interval_ns);
}

// ---------------------------------------------------------------------------- jobs threads

ClaimsRequests::Answer ClaimsRequests::update(const Asked& asked) const {
    const auto directory = trust_->directory();
    const bool is_cache = directory != nullptr && !directory->keeps_all();
    const UpdateWords words = is_cache ? kCacheWords : UpdateWords{};
    if (asked.body.empty() && directory == nullptr) {
        return verdict(asked.account, absl::InvalidArgumentError("request body is empty"),
                       "jwt update error");
    }
    const auto claims = auth::decode_account(asked.body);
    if (!claims.ok()) {
        const bool unnamed = asked.account.empty() || (directory != nullptr && !is_cache);
        return verdict(unnamed ? "n/a" : asked.account, claims.status(), words.failed);
    }
    const std::string& account = claims->head.subject;
    if (!asked.account.empty() && account != asked.account) {
        return verdict(asked.account,
                       absl::InvalidArgumentError("subject does not match jwt content"),
                       words.failed);
    }
    const auto& operators = trust_->operators();
    if (std::any_of(operators.begin(), operators.end(), [&](const auth::OperatorClaims& each) {
            return each.strict_signing_key_usage && each.head.subject == claims->head.issuer;
        })) {
        return verdict(account,
                       absl::InvalidArgumentError("operator requires issuer to be a signing key"),
                       words.failed);
    }
    if (const auto faults = auth::faults_of(*claims, asked.now_s);
        directory != nullptr && !faults.empty()) {
        return verdict(account,
                       absl::InvalidArgumentError(
                           fmt::format("validation errors: [{}]", absl::StrJoin(faults, " "))),
                       words.invalid);
    }
    if (const auto faults = auth::mapping_faults(*claims); !faults.empty()) {
        return verdict(account, absl::InvalidArgumentError(absl::StrJoin(faults, " ")), words.invalid);
    }
    const absl::Status status = trust_->update(account, asked.body, asked.now_s);
    if (absl::IsNotFound(status)) return verdict(account, absl::OkStatus(), words.skipped);
    return verdict(account, status, status.ok() ? words.done : words.failed);
}

// Only full directories answer, and only with a token: up to 2.9 the server that asks takes the first answer,
// were it empty. Newer ones learn by their timeout alone that the account is not there.
ClaimsRequests::Answer ClaimsRequests::lookup(const Asked& asked) const {
    const auto directory = trust_->directory();
    if (directory == nullptr || !auth::is_public_nkey(asked.account, auth::NkeyKind::kAccount)) {
        return {};
    }
    auto token = directory->fetch(asked.account, asked.now_s);
    if (!token.ok()) {
        return {.messages = {},
                .log_line = fmt::format("lookup of {}: {}", asked.account,
                                        base::message_of(token.status()))};
    }
    return {.messages = {*std::move(token)}, .log_line = {}};
}

ClaimsRequests::Answer ClaimsRequests::list(const Asked& asked) const {
    std::string text;
    size_t count = 0;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_server(&json);
    json.begin_array("data");
    if (const auto directory = trust_->directory()) {
        directory->for_each(asked.now_s, [&](const std::string& account, const std::string&) {
            json.value(account);
            ++count;
        });
    }
    json.end_array();
    json.end_object();
    return {.messages = {std::move(text)},
            .log_line = fmt::format("list request responded with {} account ids", count)};
}

ClaimsRequests::Answer ClaimsRequests::pack(const Asked& asked) const {
    Answer answer;
    const auto directory = trust_->directory();
    if (directory == nullptr) return answer;
    const auto hash = directory->hash();
    if (std::equal(asked.body.begin(), asked.body.end(), hash.begin(), hash.end(),
                   [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; })) {
        answer.log_line = fmt::format("pack request matches hash {:02x}", fmt::join(hash, ""));
    } else {
        directory->for_each(asked.now_s, [&](const std::string& account, const std::string& token) {
            answer.messages.push_back(fmt::format("{}|{}", account, token));
        });
        answer.log_line = fmt::format("pack request - finished responding with hash {:02x}",
                                      fmt::join(hash, ""));
    }
    answer.messages.emplace_back();  // the end
    return answer;
}

absl::Status ClaimsRequests::check_deletion(const auth::DeletionClaims& claims) const {
    const auto directory = trust_->directory();
    if (directory == nullptr) return absl::FailedPreconditionError("no directory");
    if (auto allowed = directory->deletable(); !allowed.ok()) return allowed;
    if (claims.head.subject != claims.head.issuer) {
        return absl::PermissionDeniedError("not self signed");
    }
    if (!trust_->trusts(claims.head.issuer)) return absl::PermissionDeniedError("not trusted");
    const absl::Status malformed = absl::InvalidArgumentError("malformed request");
    if (!claims.has_accounts) return malformed;
    for (const std::string& account : claims.accounts) {
        if (!auth::is_public_nkey(account, auth::NkeyKind::kAccount)) return malformed;
        if (account == server_.system_account()->name()) {
            return absl::PermissionDeniedError("not allowed to delete system account");
        }
    }
    return absl::OkStatus();
}

ClaimsRequests::Answer ClaimsRequests::remove(const Asked& asked) const {
    const auto claims = auth::decode_deletion(asked.body);
    const absl::Status status = claims.ok() ? check_deletion(*claims) : claims.status();
    if (!status.ok()) {
        return verdict({}, status,
                       fmt::format("delete accounts request by {} failed",
                                   claims.ok() ? claims->head.subject : std::string()));
    }
    const auto directory = trust_->directory();
    std::vector<std::string> errors;
    for (const std::string& account : claims->accounts) {
        const auto removed = trust_->remove_stored(*directory, account);
        if (!removed.ok()) errors.emplace_back(base::message_of(removed));
    }
    const std::string done =
        fmt::format("deleted {} accounts", claims->accounts.size() - errors.size());
    if (errors.empty()) return verdict({}, absl::OkStatus(), done);
    return verdict({}, absl::InternalError(absl::StrJoin(errors, "\n")),
                   fmt::format("{}, failed for {}", done, errors.size()));
}

void ClaimsRequests::write_server(proto::JsonWriter* json) const {
    json->begin_object("server");
    write_server_fields(json, server_, server_.options(), server_.worker_state(0).host.ring.wall_ns());
    json->end_object();
}

ClaimsRequests::Answer ClaimsRequests::verdict(const std::string& account,
                                               const absl::Status& status,
                                               std::string_view text) const {
    const std::string of_account = account.empty() ? "" : " - " + account;
    const bool is_good = status.ok();
    const std::string_view why = base::message_of(status);
    std::string answer;
    proto::JsonWriter json(&answer, /*indent=*/0);
    json.begin_object();
    write_server(&json);
    json.begin_object(is_good ? "data" : "error");
    json.optional_field("account", account);
    json.field("code", is_good ? 200 : 500);
    if (is_good) {
        json.field("message", text);
    } else {
        json.field("description", fmt::format("{} - {}", text, why));
    }
    json.end_object();
    json.end_object();
    return {.messages = {std::move(answer)},
            .log_line = is_good ? fmt::format("{}{}", text, of_account)
                                : fmt::format("{}{} - {}", text, of_account, why),
            .is_error = !is_good};
}

}  // namespace nuring::server
