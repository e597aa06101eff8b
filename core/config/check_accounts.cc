// SPDX-License-Identifier: Apache-2.0
#include "core/config/check_accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/config/exports.h"
#include "proto/limits.h"
#include "proto/subject.h"
#include "proto/subject_transform.h"

namespace nuring::config {
namespace {

constexpr auto kImport = proto::SubjectTransform::Use::kImport;

constexpr std::string_view kInvalidSubject = "sublist: invalid subject";

// Accounts that an import may lead through before the search for circles gives up.
constexpr size_t kChainMax = 1024;

// For messages: nobody reads a subject of kilobytes there.
std::string shortened(std::string_view text) {
    constexpr size_t kShown = 200;
    if (text.size() <= kShown) return std::string(text);
    return fmt::format("{}...", text.substr(0, kShown));
}

bool has_blank(std::string_view subject) {
    return proto::is_valid_pattern(subject) && !proto::is_valid_subject(subject);
}

std::string_view kind_name(ExchangeKind kind) {
    return kind == ExchangeKind::kStream ? "stream" : "service";
}

// Collects the faults, import by import: what was accepted before counts when circles are looked for.
class ExchangeCheck {
  public:
    explicit ExchangeCheck(const std::vector<AccountOptions>& accounts) : accounts_(accounts) {}

    std::vector<std::string> run() {
        for (const ExchangeKind kind : {ExchangeKind::kStream, ExchangeKind::kService}) {
            for_each_of(kind, &AccountOptions::exports,
                        [this](const auto& account, const auto& exported) {
                            check_export(account, exported);
                        });
        }
        for (const ExchangeKind kind : {ExchangeKind::kStream, ExchangeKind::kService}) {
            for_each_of(kind, &AccountOptions::imports, [this](const auto& account, const auto& wanted) {
                check_import(account, wanted);
            });
        }
        return std::move(faults_);
    }

  private:
    struct Accepted {
        const AccountOptions* importer;
        const AccountOptions* exporter;
        ExchangeKind kind;
        std::string local;   // pattern
        std::string remote;  // as written
    };

    template <class Item, class Visit>
    void for_each_of(ExchangeKind kind, std::vector<Item> AccountOptions::*items, Visit&& visit) {
        for (const AccountOptions& account : accounts_) {
            for (const Item& item : account.*items) {
                if (item.kind == kind) visit(account, item);
            }
        }
    }

    const AccountOptions* find(const std::string& name) const {
        const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                        [&](const AccountOptions& a) { return a.name == name; });
        return found == accounts_.end() ? nullptr : &*found;
    }

    void check_export(const AccountOptions& account, const AccountExport& exported) {
        const std::string_view kind = kind_name(exported.kind);
        for (const std::string& name : exported.accounts) {
            if (find(name) != nullptr) continue;
            faults_.push_back(fmt::format("\"{}\" account not defined for {} export", name, kind));
        }
        for (const std::string* subject : {&exported.subject, exported.latency.has_value()
                                                                 ? &exported.latency->subject
                                                                 : &exported.subject}) {
            const std::string fault = subject_size_fault(*subject);
            if (fault.empty()) continue;
            faults_.push_back(
                fmt::format("Error adding {} export \"{}\": {}", kind, shortened(*subject), fault));
            return;
        }
        if (!has_account_token(exported)) {
            faults_.push_back(fmt::format("Error adding {} export \"{}\": {}", kind,
                                          exported.subject, kInvalidSubject));
        }
        if (!exported.latency.has_value() || exported.kind != ExchangeKind::kService) return;
        if (const std::string fault = check_latency(account, exported); !fault.empty()) {
            faults_.push_back(
                fmt::format("Error adding service latency sampling for \"{}\" on subject \"{}\": {}",
                            exported.subject, exported.latency->subject, fault));
        }
    }

    static std::string check_latency(const AccountOptions& account, const AccountExport& exported) {
        const std::string& subject = exported.latency->subject;
        const auto answers = [&subject](const AccountExport& other) {  // samples of samples
            return other.kind == ExchangeKind::kService && proto::is_subset(subject, other.subject);
        };
        if (!proto::is_valid_literal_subject(subject) || has_blank(subject) ||
            std::any_of(account.exports.begin(), account.exports.end(), answers)) {
            return "invalid publish subject";
        }
        const bool one_answer = exported.response_type == ResponseType::kSingleton;
        return one_answer ? "" : "bad service response type";
    }

    // The position must be that of a `*`.
    static bool has_account_token(const AccountExport& exported) {
        int64_t left = exported.account_token_position;
        if (left == 0) return true;
        for (const std::string_view token : proto::SubjectTokens(exported.subject)) {
            if (--left == 0) return token == proto::kAnyToken;
        }
        return false;
    }

    void check_import(const AccountOptions& account, const AccountImport& wanted) {
        const std::string_view kind = kind_name(wanted.kind);
        const AccountOptions* exporter = find(wanted.account);
        if (exporter == nullptr) {
            faults_.push_back(
                fmt::format("\"{}\" account not defined for {} import", wanted.account, kind));
            return;
        }
        std::string fault = import_size_fault(wanted);
        if (fault.empty()) {
            fault = wanted.kind == ExchangeKind::kStream ? check_stream(account, *exporter, wanted)
                                                         : check_service(account, *exporter, wanted);
        }
        if (fault.empty()) {
            accepted_.push_back({.importer = &account,
                                 .exporter = exporter,
                                 .kind = wanted.kind,
                                 .local = proto::pattern_of_target(local_name(wanted)),
                                 .remote = wanted.subject});
            return;
        }
        faults_.push_back(
            fmt::format("Error adding {} import \"{}\": {}", kind, shortened(wanted.subject), fault));
    }

    std::string check_stream(const AccountOptions& account, const AccountOptions& exporter,
                             const AccountImport& wanted) const {
        if (has_blank(wanted.subject)) return std::string(kInvalidSubject);
        if (!proto::is_valid_subject(wanted.subject) ||
            admitting_export(exporter, wanted, account.name) == nullptr) {
            return "stream import not authorized";
        }
        if (!proto::is_literal(wanted.prefix)) {
            return "stream import prefix can not contain wildcard tokens";
        }
        const std::string local = local_name(wanted);
        if (!proto::is_valid_subject(proto::pattern_of_target(local))) {
            return fmt::format("\"{}\" is not a valid subject", shortened(local));
        }
        // The import may rename what comes back to it.
        if (stream_leads_back(exporter, proto::pattern_of_target(local), {&account}) ||
            stream_leads_back(exporter, wanted.subject, {&account})) {
            return "import forms a cycle";
        }
        std::string error;
        if (!proto::is_literal(wanted.subject) && local != wanted.subject &&
            !proto::SubjectTransform::create(wanted.subject, proto::number_wildcards(local), kImport,
                                             &error)) {
            return fmt::format(
                "failed to create mapping transform for stream import subject \"{}\" to \"{}\": {}",
                wanted.subject, local, error);
        }
        const bool twice = std::any_of(accepted_.begin(), accepted_.end(), [&](const Accepted& a) {
            return a.kind == wanted.kind && a.importer == &account && a.exporter == &exporter &&
                   a.remote == wanted.subject;
        });
        return twice ? "stream import already exists" : "";
    }

    std::string check_service(const AccountOptions& account, const AccountOptions& exporter,
                              const AccountImport& wanted) const {
        const std::string local = local_name(wanted);
        if (!proto::is_valid_subject(wanted.subject) || !proto::is_valid_subject(local)) {
            return std::string(kInvalidSubject);
        }
        if (admitting_export(exporter, wanted, account.name) == nullptr) {
            return "service import not authorized";
        }
        if (service_leads_back(exporter, proto::pattern_of_target(local), {&account})) {
            return "import forms a cycle";
        }
        std::string error;
        if (!proto::is_literal(wanted.subject) && local != wanted.subject &&
            !proto::SubjectTransform::create(wanted.subject, proto::number_wildcards(local), kImport,
                                             &error)) {
            return fmt::format(
                "failed to create mapping transform for service import subject \"{}\" to \"{}\": {}",
                local, wanted.subject, error);
        }
        return "";
    }

    using Seen = std::set<const AccountOptions*>;

    // Of a chain goes on what the import takes out of the subjects so far.
    static std::string_view narrower(std::string_view local, std::string_view subject) {
        return proto::is_subset(local, subject) ? local : subject;
    }

    // Does what `account` gives under `subject` come from one of those seen?
    bool service_leads_back(const AccountOptions& account, std::string_view subject, Seen seen) const {
        if (seen.size() >= kChainMax) return true;
        for (const Accepted& a : accepted_) {
            if (a.kind != ExchangeKind::kService || a.importer != &account) continue;
            if (!proto::subjects_collide(subject, a.remote)) continue;
            if (seen.contains(a.exporter)) return true;
            seen.insert(&account);
            if (service_leads_back(*a.exporter, narrower(a.local, subject), seen)) return true;
        }
        return false;
    }

    bool stream_leads_back(const AccountOptions& account, std::string_view subject, Seen seen) const {
        if (seen.size() >= kChainMax) return true;
        const bool exported =
            std::any_of(account.exports.begin(), account.exports.end(), [&](const AccountExport& e) {
                return e.kind == ExchangeKind::kStream && proto::is_subset(subject, e.subject);
            });
        if (!exported) return false;
        for (const Accepted& a : accepted_) {
            if (a.kind != ExchangeKind::kStream || a.importer != &account) continue;
            if (!proto::subjects_collide(subject, a.local)) continue;
            if (seen.contains(a.exporter)) return true;
            seen.insert(&account);
            if (stream_leads_back(*a.exporter, narrower(a.local, subject), seen)) return true;
        }
        return false;
    }

    const std::vector<AccountOptions>& accounts_;
    std::vector<Accepted> accepted_;
    std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> check_exchanges(const std::vector<AccountOptions>& accounts) {
    return ExchangeCheck(accounts).run();
}

std::string subject_size_fault(std::string_view subject) {
    if (subject.size() <= proto::kSubjectSizeMax) return "";
    return fmt::format("subject of {} bytes is too long, at most {} are allowed", subject.size(),
                       proto::kSubjectSizeMax);
}

std::string import_size_fault(const AccountImport& wanted) {
    std::string fault = subject_size_fault(wanted.subject);
    return fault.empty() ? subject_size_fault(local_name(wanted)) : fault;
}

std::string check_mapping(const SubjectMapping& mapping) {
    if (!proto::is_valid_subject(mapping.source)) {
        return fmt::format("Subject \"{}\" is not a valid subject", shortened(mapping.source));
    }
    if (const std::string fault = subject_size_fault(mapping.source); !fault.empty()) {
        return fmt::format("Error adding mapping for \"{}\" : {}", shortened(mapping.source), fault);
    }
    std::map<std::string_view, int> totals;  // of each cluster
    std::set<std::string_view> seen;
    for (const MappingTarget& target : mapping.targets) {
        const auto fault = [&](std::string_view why) {
            return fmt::format("Error adding mapping for \"{}\" to \"{}\" : {}", mapping.source,
                               shortened(target.subject), why);
        };
        if (!seen.insert(target.subject).second) {
            return fault(fmt::format("duplicate entry for \"{}\"", target.subject));
        }
        if (target.weight > 100) return fault("individual weights need to be <= 100");
        if ((totals[target.cluster] += target.weight) > 100) return fault("total weight needs to be <= 100");
        if (const std::string long_one = subject_size_fault(target.subject); !long_one.empty()) {
            return fault(long_one);
        }
        std::string error;
        if (!proto::check_mapping_target(target.subject, &error) ||
            !proto::SubjectTransform::create(mapping.source, target.subject,
                                             proto::SubjectTransform::Use::kMapping, &error)) {
            return fault(error);
        }
    }
    return "";
}

}  // namespace nuring::config
