// SPDX-License-Identifier: Apache-2.0
#include "core/client/jwt_login_job.h"

#include <string_view>
#include <utility>

#include "core/base/status.h"
#include "core/base/time_units.h"
#include "core/config/duration.h"
#include "fmt/format.h"

namespace nuring::client {
namespace {

// A fetch that takes longer is warned of.
constexpr uint64_t kSlowFetch_ns = base::kSecond_ns;

}  // namespace

JwtLoginJob::JwtLoginJob(link::LinkHost& host, link::Link& link, JwtQuestion&& question)
    : LinkJob(host, link), question_(std::move(question)), asked_ns_(host.ring.now_ns()) {}

void JwtLoginJob::compute() {
    if (!question_.account.empty()) {
        fetch_status_ = question_.trust->load(question_.account, question_.login.now_s).status();
        if (!fetch_status_.ok()) return;
    }
    changes_ = question_.trust->change_count();
    verdict_ = auth::check_jwt_login(*question_.trust, question_.login);
}

void JwtLoginJob::finish(link::Link& link) {
    const bool has_loaded = !question_.account.empty();
    if (has_loaded) log_fetch();
    if (!fetch_status_.ok()) {
        verdict_.reason = fmt::format("Account JWT lookup error: {}", base::message_of(fetch_status_));
        // The links of a deleted account get the same error as those of an expired one.
        const bool is_deleted = absl::IsNotFound(fetch_status_) && question_.trust->directory() != nullptr;
        if (!question_.first_time && is_deleted) verdict_.outcome = auth::JwtOutcome::kAccountExpired;
    } else if (changes_ != question_.trust->change_count()) {
        // Claims have changed since: what was found may not hold any more.
        return ask_again(link, std::move(question_.account));
    } else if (!has_loaded && (verdict_.outcome == auth::JwtOutcome::kAccountUnknown ||
                               verdict_.outcome == auth::JwtOutcome::kAccountExpired)) {
        return ask_again(link, std::move(verdict_.account));
    }
    log_verdict(link);
    conclude(link, verdict_);
}

void JwtLoginJob::log_fetch() const {
    const uint64_t took_ns = host_.ring.now_ns() - asked_ns_;
    const std::string text = fmt::format("Account [{}] fetch took {}", question_.account,
                                         config::format_duration(config::nanoseconds(took_ns)));
    if (took_ns > kSlowFetch_ns) {
        host_.log.warn("{}", text);
    } else {
        host_.log.debug("{}", text);
    }
    // Claims that were fetched, but are no good, are the debug log's.
    if (fetch_status_.ok() || absl::IsPermissionDenied(fetch_status_) ||
        absl::IsInvalidArgument(fetch_status_)) {
        return;
    }
    host_.log.warn("Account fetch failed: {}", base::message_of(fetch_status_));
}

void JwtLoginJob::log_verdict(const link::Link& link) const {
    if (verdict_.reason.empty()) return;
    if (verdict_.is_error) {
        host_.log.error("{} - {}", link.label(), verdict_.reason);
    } else {
        host_.log.debug("{} - {}", link.label(), verdict_.reason);
    }
}

}  // namespace nuring::client
