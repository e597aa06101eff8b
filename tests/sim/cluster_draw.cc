// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/cluster_draw.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/prng.h"
#include "fmt/format.h"

namespace nuring::sim {
namespace {

constexpr std::array<std::string_view, kFaultKindCount> kFaultNames = {
    "cut",   "one_way", "reset",     "crash", "silent", "move",
    "pause", "reload",  "lame_duck", "rough", "pools",  "deny",
    "accounts", "names"};

struct Field {
    std::string_view name;
    uint64_t ClusterDraw::*value;
};

constexpr std::array kFields = {
    Field{"dice", &ClusterDraw::dice},
    Field{"servers", &ClusterDraw::servers},
    Field{"clusters", &ClusterDraw::clusters},
    Field{"leafs", &ClusterDraw::leafs},
    Field{"chained", &ClusterDraw::chained},
    Field{"workers", &ClusterDraw::workers},
    Field{"named", &ClusterDraw::named},
    Field{"seeds_only", &ClusterDraw::seeds_only},
    Field{"pool", &ClusterDraw::pool},
    Field{"pinned", &ClusterDraw::pinned},
    Field{"compression", &ClusterDraw::compression},
    Field{"mailbox", &ClusterDraw::mailbox_bytes},
    Field{"receive_bytes", &ClusterDraw::receive_bytes},
    Field{"receive_count", &ClusterDraw::receive_count},
    Field{"cache", &ClusterDraw::cache},
    Field{"released", &ClusterDraw::released},
    Field{"share", &ClusterDraw::share_bytes},
    Field{"max_pending", &ClusterDraw::max_pending},
    Field{"ping", &ClusterDraw::ping_ms},
    Field{"hiccup", &ClusterDraw::hiccup_permille},
    Field{"skew", &ClusterDraw::skew_permille},
    Field{"move", &ClusterDraw::move_permille},
    Field{"latency", &ClusterDraw::latency_us},
    Field{"split", &ClusterDraw::split_percent},
    Field{"stall", &ClusterDraw::stall_permille},
    Field{"short_receive", &ClusterDraw::short_receive_percent},
    Field{"short_send", &ClusterDraw::short_send_percent},
    Field{"delay", &ClusterDraw::delay_percent},
    Field{"late_cancel", &ClusterDraw::late_cancel_percent},
    Field{"spurious", &ClusterDraw::spurious_permille},
    Field{"partial", &ClusterDraw::partial_percent},
    Field{"jump", &ClusterDraw::jump_permille},
    Field{"stream", &ClusterDraw::stream_bytes},
    Field{"resets", &ClusterDraw::reset_permille},
    Field{"refusals", &ClusterDraw::refusal_permille},
    Field{"losses", &ClusterDraw::loss_permille},
    Field{"emfile", &ClusterDraw::emfile_permille},
    Field{"clients", &ClusterDraw::clients},
    Field{"operations", &ClusterDraw::operations},
    Field{"tokens", &ClusterDraw::tokens},
    Field{"accounts", &ClusterDraw::accounts},
    Field{"payload", &ClusterDraw::payload},
    Field{"burst", &ClusterDraw::burst},
    Field{"publishers", &ClusterDraw::publisher_percent},
    Field{"movers", &ClusterDraw::mover_percent},
    Field{"queue", &ClusterDraw::queue_percent},
    Field{"churn", &ClusterDraw::churn_percent},
    Field{"request", &ClusterDraw::request_percent},
    Field{"leave", &ClusterDraw::leave_permille},
    Field{"stop_reading", &ClusterDraw::stop_reading_permille},
};

uint64_t draw_between(base::Prng& prng, uint64_t low, uint64_t high) {
    return low + prng.next() % (high - low + 1);
}

void draw_network(base::Prng& prng, ClusterDraw* draw) {
    draw->latency_us = draw_between(prng, 1, prng.percent(30) ? 20'000 : 1'000);
    if (prng.percent(40)) draw->split_percent = prng.below(60);
    if (prng.percent(30)) draw->stall_permille = prng.below(40);
    if (prng.percent(40)) draw->short_receive_percent = prng.below(80);
    if (prng.percent(40)) draw->short_send_percent = prng.below(80);
    if (prng.percent(40)) draw->delay_percent = prng.below(80);
    if (prng.percent(20)) draw->spurious_permille = prng.below(100);
    if (prng.percent(30)) draw->partial_percent = prng.below(60);
    if (prng.percent(20)) draw->jump_permille = prng.below(50);
    if (prng.percent(40)) draw->stream_bytes = draw_between(prng, 256, 16 * 1024);
    draw->reset_permille = prng.below(30);
    draw->refusal_permille = prng.below(300);
    draw->loss_permille = prng.below(300);
    draw->emfile_permille = prng.below(200);
}

void draw_clients(base::Prng& prng, ClusterDraw* draw) {
    draw->clients = draw_between(prng, 3, 14);
    draw->operations = draw_between(prng, 150, 700);
    draw->tokens = 1 + prng.below(4);
    draw->accounts = 1 + prng.below(2);
    if (prng.percent(15)) draw->payload = 3'000;
    if (prng.percent(8)) draw->payload = 70'000;
    if (prng.percent(50)) draw->burst = 1 + prng.below(40);
    draw->queue_percent = prng.below(70);
    draw->churn_percent = prng.below(60);
    draw->request_percent = prng.below(40);
    draw->leave_permille = prng.percent(50) ? prng.below(20) : 0;
    draw->stop_reading_permille = prng.percent(30) ? prng.below(40) : 0;
}

// With dice of its own, so that the rest of each world stays as it was.
void draw_locality(uint64_t seed, ClusterDraw* draw) {
    base::Prng prng(seed ^ 0x4c4f'4341'4cULL);
    if (prng.percent(30)) draw->skew_permille = 1 + prng.below(100);
    if (prng.percent(60)) draw->move_permille = 1 + prng.below(prng.percent(50) ? 20 : 300);
    if (prng.percent(70)) draw->publisher_percent = prng.below(60);
    if (draw->move_permille != 0 && prng.percent(80)) draw->mover_percent = 1 + prng.below(100);
}

// Likewise.
void draw_sharing(uint64_t seed, ClusterDraw* draw) {
    base::Prng prng(seed ^ 0x5348'4152'45ULL);
    if (prng.percent(60)) draw->share_bytes = 1 + prng.below(prng.percent(50) ? 64 : 1000);
}

// Likewise.
void draw_late_cancels(uint64_t seed, ClusterDraw* draw) {
    base::Prng prng(seed ^ 0x4c41'5445ULL);
    if (prng.percent(50)) draw->late_cancel_percent = 1 + prng.below(100);
}

// Servers that know only some others by configuration learn of the rest once; a cut between two of
// those may last for ever. And who has moved is found by its routes, not by gateways or leafnodes.
bool is_survivable(FaultKind kind, const ClusterDraw& draw) {
    if (kind == FaultKind::kMove && !draw.has_one_cluster()) return false;
    if (kind == FaultKind::kPools) return true;
    if (kind == FaultKind::kNames) return draw.clusters == 1;  // gateways cannot be renamed
    // Leafnodes log in as users, and would be denied the same.
    if (kind == FaultKind::kDeny || kind == FaultKind::kAccounts)
        return draw.accounts > 1 && draw.leafs == 0;
    return draw.seeds_only == 0 || kind == FaultKind::kCrash || kind == FaultKind::kReload ||
           kind == FaultKind::kLameDuck;
}

Fault draw_fault(base::Prng& prng, const ClusterDraw& draw, uint64_t at_ms) {
    Fault fault;
    do {
        fault.kind = static_cast<FaultKind>(prng.below(kFaultKindCount));
    } while (!is_survivable(fault.kind, draw));
    fault.at_ms = at_ms;
    fault.for_ms = prng.percent(50) ? draw_between(prng, 1, 500)
                                    : draw_between(prng, 500, 3 * draw.ping_ms + 4'000);
    fault.a = prng.below(static_cast<uint32_t>(draw.places()));
    fault.b = (fault.a + 1 + prng.below(static_cast<uint32_t>(draw.places() - 1))) % draw.places();
    return fault;
}

std::optional<uint64_t> parse_number(std::string_view text) {
    uint64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string_view next_word(std::string_view& text, char end) {
    const size_t at = std::min(text.find(end), text.size());
    const std::string_view word = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return word;
}

std::optional<Fault> parse_fault(std::string_view text) {
    Fault fault;
    const std::string_view name = next_word(text, ':');
    const auto found = std::find(kFaultNames.begin(), kFaultNames.end(), name);
    if (found == kFaultNames.end()) return std::nullopt;
    fault.kind = static_cast<FaultKind>(found - kFaultNames.begin());
    for (uint64_t* value : {&fault.at_ms, &fault.for_ms, &fault.a, &fault.b}) {
        const auto number = parse_number(next_word(text, ':'));
        if (!number.has_value()) return std::nullopt;
        *value = *number;
    }
    return fault;
}

// A lame duck is given its time to go first.
uint64_t end_of(const Fault& fault) {
    return fault.at_ms + fault.for_ms + (fault.kind == FaultKind::kLameDuck ? kLameDuckMax_ms : 0);
}

bool is_sound(const ClusterDraw& draw) {
    const auto is_there = [&](const Fault& fault) {
        return fault.a < draw.places() && fault.b < draw.places();
    };
    return draw.servers > 0 && draw.places() <= 16 && draw.clusters > 0 &&
           draw.clusters <= draw.servers && draw.workers > 0 && draw.clients > 0 &&
           draw.pool <= kPoolMax && draw.pinned <= 2 &&
           draw.compression < std::size(kCompressions) && draw.tokens > 0 && draw.accounts > 0 &&
           draw.burst > 0 && draw.receive_count > 0 &&
           std::all_of(draw.faults.begin(), draw.faults.end(), is_there);
}

}  // namespace

std::string_view name_of(FaultKind kind) {
    return kFaultNames[static_cast<size_t>(kind)];
}

// A dead connection is found by unanswered PINGs (two, and one more), then a dialer makes attempts
// of a second each with a second in between; the other end may have to find out first, before it
// lets a new connection in.
uint64_t ClusterDraw::settle_ms() const {
    return 8 * ping_ms + 10'000;
}

uint64_t ClusterDraw::faults_end_ms() const {
    uint64_t end = settle_ms();
    for (const Fault& fault : faults) end = std::max(end, end_of(fault));
    return end;
}

std::string ClusterDraw::describe() const {
    static const ClusterDraw ordinary;
    std::string text;
    for (const Field& field : kFields) {
        const bool is_first = text.empty();
        if (!is_first && this->*field.value == ordinary.*field.value) continue;
        text += fmt::format("{}{}={}", is_first ? "" : " ", field.name, this->*field.value);
    }
    for (const Fault& fault : faults) {
        text += fmt::format(" fault={}:{}:{}:{}:{}", name_of(fault.kind), fault.at_ms, fault.for_ms,
                            fault.a, fault.b);
    }
    return text;
}

ClusterDraw draw_cluster(uint64_t seed) {
    base::Prng prng(seed ^ 0x434c'5553'5445'52ULL);
    ClusterDraw draw;
    draw.dice = seed;
    draw.servers = draw_between(prng, 2, prng.percent(20) ? 5 : 3);
    draw.workers = draw_between(prng, 1, 3);
    draw.named = prng.percent(70) ? 1 : 0;
    draw.seeds_only = prng.percent(20) ? 1 : 0;
    if (prng.percent(60)) draw.pool = prng.below(kPoolMax + 1);
    if (prng.percent(40)) draw.pinned = prng.below(3);
    if (prng.percent(30)) draw.compression = prng.below(std::size(kCompressions));
    if (prng.percent(50)) draw.mailbox_bytes = uint64_t{1024} << prng.below(5);
    if (prng.percent(40)) {
        draw.receive_bytes = draw_between(prng, 16, 2048);
        draw.receive_count = draw_between(prng, 1, 16);
    }
    if (prng.percent(50)) draw.cache = 1 + prng.below(32);
    if (prng.percent(50)) draw.released = 1 + prng.below(4);
    draw.ping_ms = draw_between(prng, 500, 3'000);
    if (prng.percent(30)) draw.hiccup_permille = 1 + prng.below(20);
    draw_network(prng, &draw);
    draw_clients(prng, &draw);
    // A message passes well within the time of a PING: a peer in the middle of one counts as silent.
    const uint64_t ping_us = draw.ping_ms * 1'000;
    draw.stream_bytes = std::max(draw.stream_bytes, 8 * draw.payload * draw.latency_us / ping_us);
    if (prng.percent(40)) {
        draw.servers += prng.below(3);
        draw.clusters = draw_between(prng, 2, std::min<uint64_t>(draw.servers, 3));
        draw.named = 1;
    }
    if (prng.percent(35)) draw.leafs = 1 + prng.below(3);
    if (prng.percent(30)) draw.chained = 1;
    // Storms of faults, with time between them to see that all is well again.
    uint64_t at_ms = draw.settle_ms();
    for (uint32_t storms = 1 + prng.below(3); storms > 0; --storms) {
        uint64_t end_ms = at_ms;
        for (uint32_t faults = 1 + prng.below(4); faults > 0; --faults) {
            draw.faults.push_back(draw_fault(prng, draw, at_ms + draw_between(prng, 0, 6'000)));
            end_ms = std::max(end_ms, end_of(draw.faults.back()));
        }
        at_ms = end_ms + 3 * draw.settle_ms();
    }
    const bool is_small = draw.payload * draw.burst < 4'000;
    if (is_small && prng.percent(20)) draw.max_pending = draw_between(prng, 5, 20) * 1024;
    draw_locality(seed, &draw);
    draw_sharing(seed, &draw);
    draw_late_cancels(seed, &draw);
    return draw;
}

std::optional<ClusterDraw> parse_draw(std::string_view text) {
    ClusterDraw draw;
    while (!text.empty()) {
        std::string_view word = next_word(text, ' ');
        if (word.empty()) continue;
        const std::string_view name = next_word(word, '=');
        if (name == "fault") {
            const auto fault = parse_fault(word);
            if (!fault.has_value()) return std::nullopt;
            draw.faults.push_back(*fault);
            continue;
        }
        const auto field = std::find_if(kFields.begin(), kFields.end(),
                                        [&](const Field& each) { return each.name == name; });
        const auto number = parse_number(word);
        if (field == kFields.end() || !number.has_value()) return std::nullopt;
        draw.*field->value = *number;
    }
    return is_sound(draw) ? std::optional(draw) : std::nullopt;
}

std::vector<ClusterDraw> smaller_than(const ClusterDraw& draw) {
    static const ClusterDraw ordinary;
    std::vector<ClusterDraw> smaller;
    const auto add = [&](ClusterDraw candidate) {
        if (is_sound(candidate)) smaller.push_back(std::move(candidate));
    };
    for (size_t i = 0; i < draw.faults.size(); ++i) {
        ClusterDraw candidate = draw;
        candidate.faults.erase(candidate.faults.begin() + static_cast<ptrdiff_t>(i));
        add(std::move(candidate));
    }
    for (uint64_t ClusterDraw::*value :
         {&ClusterDraw::operations, &ClusterDraw::clients, &ClusterDraw::servers,
          &ClusterDraw::clusters, &ClusterDraw::leafs, &ClusterDraw::workers, &ClusterDraw::burst,
          &ClusterDraw::tokens, &ClusterDraw::accounts}) {
        if (draw.*value <= (value == &ClusterDraw::leafs ? 0U : 1U)) continue;
        for (const uint64_t less : {draw.*value / 2, draw.*value - 1}) {
            if (less == 0 && value != &ClusterDraw::leafs) continue;
            ClusterDraw candidate = draw;
            candidate.*value = less;
            add(std::move(candidate));
        }
    }
    for (const Field& field : kFields) {
        if (field.name == "dice" || draw.*field.value == ordinary.*field.value) continue;
        if (field.name == "operations" || field.name == "clients" || field.name == "servers")
            continue;
        ClusterDraw candidate = draw;
        candidate.*field.value = ordinary.*field.value;
        add(std::move(candidate));
    }
    return smaller;
}

}  // namespace nuring::sim
