// SPDX-License-Identifier: Apache-2.0
// What two clusters tell each other of their interest, in any order: what a hostile cluster says keeps the
// counts in step with the store and within their limits; and between two honest ends no message is held back
// that somebody wants, whatever was under way.
// Input: two bytes per step. The first one says what happens, the second one to which account and pattern.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/account/account.h"
#include "fmt/format.h"
#include "gateway/gateway_interest.h"
#include "gateway/gateway_pending.h"
#include "proto/subject.h"
#include "tests/fuzz/require.h"

namespace {

using namespace nuring;
using gateway::InboundInterest;
using gateway::InterestMode;
using gateway::OutboundInterest;
using nuring::test::require;

constexpr std::string_view kPatterns[] = {"a", "b", "a.b", "a.*", "*.b", "a.>", "*", ">", "a.b.c", "_R_.x"};
constexpr std::string_view kNonsense[] = {"", ".", "a..b", "a.>.b", "a."};
constexpr std::string_view kLiterals[] = {"a", "b", "a.b", "a.c", "c.b", "a.b.c"};

class PlainStore final : public OutboundInterest::Store {
  public:
    bool add(account::Account& account, std::string_view pattern, std::string_view queue) override {
        require(proto::is_valid_pattern(pattern), "only patterns are stored");
        return sets[&account].emplace(pattern, queue).second;
    }
    bool remove(account::Account& account, std::string_view pattern, std::string_view queue) override {
        return sets[&account].erase({std::string(pattern), std::string(queue)}) != 0;
    }
    void remove_plain(account::Account& account) override {
        std::erase_if(sets[&account], [](const auto& key) { return key.second.empty(); });
    }
    bool matches(account::Account& account, std::string_view subject) {
        for (const auto& [pattern, queue] : sets[&account]) {
            if (queue.empty() && proto::matches_literal(subject, pattern)) return true;
        }
        return false;
    }

    std::map<account::Account*, std::set<std::pair<std::string, std::string>>> sets;
};

// One step as it stands in the input.
struct Step {
    uint8_t what;
    size_t account;
    std::string_view pattern;
    std::string_view queue;
};

std::vector<Step> steps_of(const uint8_t* bytes, size_t size, bool has_nonsense) {
    std::vector<Step> steps;
    for (size_t at = 0; at + 1 < size; at += 2) {
        const uint8_t where = bytes[at + 1];
        Step step{.what = bytes[at],
                  .account = where % 2U,
                  .pattern = kPatterns[where / 2 % 10],
                  .queue = {}};
        if (has_nonsense && where >= 240) step.pattern = kNonsense[where % 5];
        if ((step.what & 0x80) != 0) step.queue = (step.what & 0x40) != 0 ? "q" : "r";
        steps.push_back(step);
    }
    return steps;
}

// ------------------------------------------------------------------------ a hostile cluster

class Hostile {
  public:
    explicit Hostile(bool interest_only)
        : interest_(store_, interest_only), pending_(interest_only), interest_only_(interest_only) {}

    void run(const std::vector<Step>& steps) {
        for (account::Account& account : accounts_) interest_.begin(account);
        for (const Step& step : steps) {
            say(step);
            check();
        }
        // What was said of accounts that come later holds nothing back that was to be sent.
        PlainStore late_store;
        OutboundInterest late(late_store, interest_only_);
        for (account::Account& account : accounts_) {
            late.begin(account);
            pending_.replay(account, &late);
            require(late.facts(account).mode == interest_.facts(account).mode, "the same mode");
            require(late.facts(account).queues == interest_.facts(account).queues, "the same groups");
            for (const std::string_view subject : kLiterals) {
                if (!sends(interest_, store_, account, subject)) continue;
                require(sends(late, late_store, account, subject), "nothing is held back");
            }
        }
        require(pending_.empty() == (pending_.size() == 0), "the count is right");
    }

  private:
    static bool sends(const OutboundInterest& interest, PlainStore& store, account::Account& account,
                      std::string_view subject) {
        return store.matches(account, subject) && !interest.refuses(account, subject);
    }

    void say(const Step& step) {
        account::Account& account = accounts_[step.account];
        const std::string_view name = account.name();
        switch (step.what % 6) {
            case 0:
                (void)interest_.subscribe(account, step.pattern, step.queue);
                return pending_.subscribe(name, step.pattern, step.queue);
            case 1:
                interest_.unsubscribe(account, step.pattern, step.queue);
                return pending_.unsubscribe(name, step.pattern, step.queue);
            case 2:
                interest_.on_account_wanted(account);
                return pending_.set_refused(name, false);
            case 3:
                interest_.on_account_refused(account);
                return pending_.set_refused(name, true);
            case 4:
                interest_.begin_switch(account);
                return pending_.begin_switch(name);
            default:
                interest_.end_switch(account);
                return pending_.end_switch(name);
        }
    }

    void check() {
        for (account::Account& account : accounts_) {
            const OutboundInterest::Facts facts = interest_.facts(account);
            size_t plain = 0;
            size_t queues = 0;
            bool has_everything = false;
            for (const auto& [pattern, queue] : store_.sets[&account]) {
                queues += queue.empty() ? 0 : 1;
                plain += queue.empty() && pattern != proto::kAnyTail ? 1 : 0;
                has_everything |= queue.empty() && pattern == proto::kAnyTail;
            }
            require(facts.queues == queues, "queues are counted");
            require(facts.plain == plain || facts.plain == plain + 1, "patterns are counted");
            const bool is_optimistic = facts.mode != InterestMode::kInterestOnly && !facts.is_refused;
            require(!is_optimistic || has_everything, "optimism sends everything");
            if (facts.mode == InterestMode::kInterestOnly) {
                require(facts.refused_subjects == 0, "nothing is refused any more");
                require(has_everything == (facts.plain == plain + 1), "everything only if it was asked for");
            }
            require(facts.refused_subjects <= OutboundInterest::kRefusedMax, "a limit");
        }
    }

    account::Account accounts_[2]{{"A", {}}, {"B", {}}};
    PlainStore store_;
    OutboundInterest interest_;
    gateway::PendingInterest pending_;
    const bool interest_only_;
};

// ------------------------------------------------------------------------ two honest ends

class Honest final : public InboundInterest::Sender {
  public:
    void run(const std::vector<Step>& steps) {
        for (const Step& step : steps) act(step);
        while (!lines_.empty()) arrive();
        for (account::Account& account : accounts_) {
            outbound_.begin(account);
            for (const std::string_view subject : kLiterals) {
                if (!is_wanted(account, subject)) continue;
                require(sends(account, subject), "what somebody wants is sent");
            }
            for (const auto& [pattern, queue] : wanted_[&account]) {
                if (queue.empty()) continue;
                require(store_.sets[&account].contains({pattern, queue}), "groups are known");
            }
        }
    }

  private:
    struct Line {
        enum What : uint8_t { kChange, kAccount, kBegin, kEnd } what;
        account::Account* account;
        std::string pattern;
        std::string queue;
        bool is_wanted;
    };

    void act(const Step& step) {
        account::Account& account = accounts_[step.account];
        auto& wanted = wanted_[&account];
        switch (step.what % 6) {
            case 0:
                if (wanted.emplace(step.pattern, step.queue).second) {
                    inbound_.on_change(account, step.pattern, step.queue, true);
                }
                return;
            case 1:
                if (wanted.erase({std::string(step.pattern), std::string(step.queue)}) != 0) {
                    inbound_.on_change(account, step.pattern, step.queue, false);
                }
                return;
            case 2:
            case 3:
                return publish(account, kLiterals[step.what / 8 % 6]);
            case 4:
                if (step.what % 4 == 0) return inbound_.switch_account(account);
                [[fallthrough]];
            default:
                if (!lines_.empty()) arrive();
        }
    }

    void publish(account::Account& account, std::string_view subject) {
        outbound_.begin(account);
        if (!sends(account, subject)) return;
        // Interest travels the other way: it may have left before, and be under way still.
        if (inbound_.mode(account) != InterestMode::kOptimistic || is_wanted(account, subject)) return;
        if (inbound_.is_refused(account.name())) return;
        inbound_.on_unwanted(account, subject, !wanted_[&account].empty());
    }

    void arrive() {
        const Line line = lines_.front();
        lines_.erase(lines_.begin());
        switch (line.what) {
            case Line::kChange:
                if (line.is_wanted) {
                    require(outbound_.subscribe(*line.account, line.pattern, line.queue), "a pattern");
                } else {
                    outbound_.unsubscribe(*line.account, line.pattern, line.queue);
                }
                return;
            case Line::kAccount:
                line.is_wanted ? outbound_.on_account_wanted(*line.account)
                               : outbound_.on_account_refused(*line.account);
                return;
            case Line::kBegin: return outbound_.begin_switch(*line.account);
            case Line::kEnd: return outbound_.end_switch(*line.account);
        }
    }

    bool is_wanted(account::Account& account, std::string_view subject) {
        for (const auto& [pattern, queue] : wanted_[&account]) {
            if (queue.empty() && proto::matches_literal(subject, pattern)) return true;
        }
        return false;
    }
    bool sends(account::Account& account, std::string_view subject) {
        return store_.matches(account, subject) && !outbound_.refuses(account, subject);
    }

    // --- InboundInterest::Sender
    void send_change(account::Account& account, std::string_view pattern, std::string_view queue,
                     bool is_wanted) override {
        lines_.push_back({Line::kChange, &account, std::string(pattern), std::string(queue), is_wanted});
    }
    void send_account(std::string_view name, bool is_wanted) override {
        for (account::Account& each : accounts_) {
            if (each.name() == name) lines_.push_back({Line::kAccount, &each, {}, {}, is_wanted});
        }
    }
    void start_switch(account::Account& account) override {
        lines_.push_back({Line::kBegin, &account, {}, {}, true});
        for (const auto& [pattern, queue] : wanted_[&account]) {
            if (queue.empty()) send_change(account, pattern, {}, true);
        }
        inbound_.end_switch(account);
        lines_.push_back({Line::kEnd, &account, {}, {}, true});
    }

    account::Account accounts_[2]{{"A", {}}, {"B", {}}};
    std::map<account::Account*, std::set<std::pair<std::string, std::string>>> wanted_;
    std::vector<Line> lines_;
    InboundInterest inbound_{*this};
    PlainStore store_;
    OutboundInterest outbound_{store_, false};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    for (const bool interest_only : {false, true}) {
        Hostile(interest_only).run(steps_of(bytes, size, /*has_nonsense=*/true));
    }
    Honest().run(steps_of(bytes, size, /*has_nonsense=*/false));
    return 0;
}
