// SPDX-License-Identifier: Apache-2.0
#include "core/server/operator_mode.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "core/auth/claims.h"
#include "core/auth/jwt.h"
#include "core/auth/operators.h"
#include "core/base/status.h"
#include "core/config/source.h"
#include "core/server/server.h"
#include "fmt/format.h"
#include "proto/json_text.h"
#include "proto/quote.h"

namespace nuring::server {
namespace {

constexpr int64_t kSecond_ns = 1'000'000'000;
constexpr int64_t kExpiryTimerMax_s = 24 * 60 * 60;

// "2026-11-25 02:12:49 +0000 UTC", as the reference prints it.
std::string format_issued(int64_t unix_s) {
    return absl::FormatTime("%Y-%m-%d %H:%M:%S +0000 UTC", absl::FromUnixSeconds(unix_s),
                            absl::UTCTimeZone());
}

void print_operators(const std::vector<auth::OperatorClaims>& operators, log::Writer& log) {
    if (operators.empty()) return;
    log.info("Trusted Operators");
    for (const auth::OperatorClaims& each : operators) {
        log.info("  System  : {}", proto::quote(each.head.audience));
        log.info("  Operator: {}", proto::quote(each.head.name));
        log.info("  Issued  : {}", format_issued(each.head.issued_at));
        if (each.head.expires == 0) {
            log.info("  Expires : Never");
        } else {
            log.info("  Expires : {}", format_issued(each.head.expires));
        }
    }
}

bool is_directory(config::ResolverKind kind) {
    return kind == config::ResolverKind::kFullDirectory ||
           kind == config::ResolverKind::kCacheDirectory;
}

// The n-th token of a subject.
std::string token_at(std::string_view subject, size_t index) {
    const std::vector<std::string> tokens = absl::StrSplit(base::absl_view(subject), '.');
    return index < tokens.size() ? tokens[index] : std::string();
}

std::string json_string(std::string_view text) {
    std::string quoted;
    proto::append_json_string(&quoted, text);
    return quoted;
}

}  // namespace

absl::StatusOr<std::shared_ptr<auth::Trust>> create_trust(const config::Options& options,
                                                          log::Writer& log, int64_t now_s) {
    if (!options.trust.active()) return std::shared_ptr<auth::Trust>();
    auto trust = auth::Trust::create(options.trust, config::system_sources());
    if (!trust.ok()) return trust;
    for (const auth::OperatorClaims& each : (*trust)->operators()) {
        const absl::Status fits = auth::check_server_version(each, kProtocolVersion);
        if (!fits.ok()) return fits;
    }
    print_operators((*trust)->operators(), log);
    if (options.system_account.empty()) {
        log.warn("Trusted Operators should utilize a System Account");
    } else if (const auto account = (*trust)->load(options.system_account, now_s); !account.ok()) {
        return absl::NotFoundError(fmt::format("error resolving system account: {}",
                                               base::message_of(account.status())));
    }
    return trust;
}

// Verifies a token and takes it over, then answers.
class OperatorMode::UpdateJob final : public runtime::Job {
  public:
    UpdateJob(OperatorMode& mode, const link::InternalMessage& message, std::string account)
        : mode_(mode),
          links_(mode.server_.links(0)),
          system_(message.account),
          reply_(message.reply),
          token_(message.body),
          account_(std::move(account)),
          now_s_(static_cast<int64_t>(links_.ring.wall_ns()) / kSecond_ns) {}

    void work() override {
        if (token_.empty()) {
            status_ = absl::InvalidArgumentError("request body is empty");
            return;
        }
        const auto claims = auth::decode_account(token_);
        if (!claims.ok()) {
            status_ = claims.status();
        } else if (!account_.empty() && claims->head.subject != account_) {
            status_ = absl::InvalidArgumentError("subject does not match jwt content");
        } else {
            account_ = claims->head.subject;
            status_ = mode_.trust_->update(account_, token_, now_s_);
        }
    }
    void run() override {
        std::string_view text = "jwt updated";
        if (absl::IsNotFound(status_)) {
            text = "jwt update skipped";
            status_ = absl::OkStatus();
        } else if (!status_.ok()) {
            text = "jwt update resulted in error";
        }
        if (status_.ok()) {
            links_.log.debug("{} - {}", text, account_);
        } else {
            links_.log.error("{} - {} - {}", text, account_, base::message_of(status_));
        }
        if (reply_.empty()) return;
        links_.internal.publish({.account = &system_,
                                 .subject = reply_,
                                 .body = mode_.answer(account_, status_, text)});
    }

  private:
    OperatorMode& mode_;
    link::WorkerLinks& links_;
    account::Account& system_;
    const std::string reply_;
    const std::string token_;
    std::string account_;  // empty: as the token says
    const int64_t now_s_;
    absl::Status status_;
};

OperatorMode::OperatorMode(Server& server, std::shared_ptr<auth::Trust> trust, log::Writer& log)
    : server_(server), trust_(std::move(trust)), log_(log) {
    trust_->set_listener([this](const std::string& account, auth::TrustChange change) {
        update_accounts();
        if (change != auth::TrustChange::kLoaded) server_.check_clients(account);
    });
    update_accounts();  // what was loaded before
    if (server_.system_account() != nullptr) subscribe(server_.options().trust);
}

OperatorMode::~OperatorMode() {
    trust_->set_listener(nullptr);
    server_.links(0).timers.disarm(expiry_timer_);
}

// Any thread: the real clock is nobody's.
int64_t OperatorMode::now_s() const {
    return static_cast<int64_t>(server_.links(0).ring.wall_ns()) / kSecond_ns;
}

void OperatorMode::update_accounts() {
    const std::lock_guard lock(mutex_);
    server_.update_accounts(trust_->account_options(now_s()));
    server_.post(0, [this] { arm_expiry(); });
}

void OperatorMode::arm_expiry() {
    link::WorkerLinks& links = server_.links(0);
    const int64_t now = now_s();
    const int64_t next = trust_->next_expiry_s(now);
    if (next == 0) return links.timers.disarm(expiry_timer_);
    // A timer of days is cut short and armed again.
    const int64_t left_s = std::min<int64_t>(next - now, kExpiryTimerMax_s);
    links.timers.arm(expiry_timer_, links.ring.now_ns() + static_cast<uint64_t>(left_s * kSecond_ns));
}

// The imports are looked at again, off the workers, since tokens are verified.
class OperatorMode::ExpiryJob final : public runtime::Job {
  public:
    explicit ExpiryJob(OperatorMode& mode) : mode_(mode) {}
    void work() override { mode_.update_accounts(); }
    void run() override {}

  private:
    OperatorMode& mode_;
};

void OperatorMode::expiry_fired(runtime::Timer& timer) {
    OperatorMode& mode = static_cast<ExpiryTimer&>(timer).owner;
    link::WorkerLinks& links = mode.server_.links(0);
    links.jobs.submit(links.worker, std::make_unique<ExpiryJob>(mode));
}

void OperatorMode::subscribe(const config::OperatorOptions& options) {
    account::Account& system = *server_.system_account();
    const auto update_at = [this](size_t index) {
        return [this, index](const link::InternalMessage& message) {
            on_update(message, token_at(message.subject, index));
        };
    };
    server_.subscribe(system, "$SYS.ACCOUNT.*.CLAIMS.UPDATE", update_at(2));
    server_.subscribe(system, "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE", update_at(3));
    if (!is_directory(options.resolver)) return;
    server_.subscribe(system, "$SYS.REQ.CLAIMS.UPDATE",
                      [this](const link::InternalMessage& message) { on_update(message, {}); });
    server_.subscribe(system, "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
                      [this](const link::InternalMessage& message) {
                          on_lookup(message, token_at(message.subject, 3));
                      });
    log_.info("Managing {} jwt in exclusive directory {}",
              options.resolver == config::ResolverKind::kFullDirectory ? "all" : "some",
              options.resolver_directory);
}

void OperatorMode::on_update(const link::InternalMessage& message, std::string account) {
    link::WorkerLinks& links = server_.links(0);
    links.jobs.submit(links.worker, std::make_unique<UpdateJob>(*this, message, std::move(account)));
}

// What is loaded is answered at once. (What is not is somebody else's to answer, who has it loaded: the
// asking server waits for the first answer of any.)
void OperatorMode::on_lookup(const link::InternalMessage& message, const std::string& account) {
    if (message.reply.empty()) return;
    const auth::TrustedAccountPtr known = trust_->find(account);
    if (known == nullptr) return;
    server_.links(0).internal.publish({.account = &message.account,
                                       .subject = std::string(message.reply),
                                       .body = known->token});
}

std::string OperatorMode::answer(const std::string& account, const absl::Status& status,
                                 std::string_view text) const {
    const proto::ServerInfo& info = server_.facts().info;
    const std::string head = fmt::format(
        R"({{"server":{{"name":{},"host":{},"id":{},"ver":{},"jetstream":false}})",
        json_string(info.server_name), json_string(info.host), json_string(info.server_id),
        json_string(info.version));
    if (status.ok()) {
        return fmt::format(R"({},"data":{{"account":{},"code":200,"message":{}}}}})", head,
                           json_string(account), json_string(text));
    }
    const std::string description = fmt::format("{} - {}", text, base::message_of(status));
    return fmt::format(R"({},"error":{{"account":{},"code":500,"description":{}}}}})", head,
                       json_string(account), json_string(description));
}

}  // namespace nuring::server
