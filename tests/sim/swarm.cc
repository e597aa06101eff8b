// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/swarm.h"

#include <algorithm>

#include "fmt/format.h"

namespace nuring::sim {
namespace {

uint64_t between(base::Prng& prng, uint64_t low, uint64_t high) {
    return low + prng.next() % (high - low + 1);
}

SimFaults draw_faults(base::Prng& prng) {
    SimFaults faults;
    if (prng.percent(60)) faults.split_percent = prng.below(60);
    if (prng.percent(40)) faults.stall_permille = prng.below(60);
    if (prng.percent(25)) faults.reset_permille = 1 + prng.below(4);
    if (prng.percent(50)) faults.short_receive_percent = prng.below(80);
    if (prng.percent(50)) faults.short_send_percent = prng.below(80);
    if (prng.percent(60)) faults.delay_percent = prng.below(80);
    if (prng.percent(40)) faults.spurious_wake_permille = prng.below(200);
    if (prng.percent(40)) faults.partial_turn_percent = prng.below(60);
    if (prng.percent(30)) faults.accept_failure_permille = prng.below(300);
    if (prng.percent(30)) faults.wall_jump_permille = prng.below(100);
    if (prng.percent(30)) faults.latency_max_ns = between(prng, 1'000, 3'000'000);
    if (prng.percent(40)) {
        faults.stream_bytes_min = between(prng, 64, 4096);
        faults.stream_bytes_max = faults.stream_bytes_min + between(prng, 0, 16 * 1024);
    }
    return faults;
}

void draw_clients(base::Prng& prng, Swarm& swarm) {
    swarm.client_count = static_cast<uint32_t>(between(prng, 2, prng.percent(25) ? 40 : 12));
    swarm.later_client_count = prng.percent(50) ? prng.below(12) : 0;
    swarm.operation_count = between(prng, 100, 1500);
    swarm.think_max_ns = between(prng, 1'000, 300'000);
    swarm.token_count = 1 + prng.below(5);
    if (prng.percent(20)) swarm.payload_max = 3000;
    if (prng.percent(10)) swarm.payload_max = 70'000;
    if (prng.percent(50)) swarm.burst_max = 1 + prng.below(60);
    swarm.queue_percent = prng.below(70);
    swarm.churn_percent = prng.below(60);
    if (prng.percent(40)) swarm.leave_permille = prng.below(20);
    if (prng.percent(30)) swarm.stop_reading_permille = prng.below(60);
    if (prng.percent(20)) swarm.garbage_permille = prng.below(6);
}

// With dice of its own, so that the rest of each world stays as it was.
void draw_locality(uint64_t seed, Swarm& swarm) {
    base::Prng prng(seed ^ 0x4c4f'4341'4cULL);
    if (prng.percent(30)) swarm.skew_permille = 1 + prng.below(100);
    if (prng.percent(50)) swarm.move_permille = 1 + prng.below(prng.percent(50) ? 20 : 300);
    swarm.publisher_percent = prng.percent(70) ? prng.below(60) : 0;
    if (swarm.move_permille != 0 && prng.percent(80)) swarm.mover_percent = 1 + prng.below(100);
}

// Likewise.
void draw_sharing(uint64_t seed, Swarm& swarm) {
    base::Prng prng(seed ^ 0x5348'4152'45ULL);
    if (prng.percent(60)) swarm.share_bytes = 1 + prng.below(prng.percent(50) ? 64 : 1000);
}

// Likewise.
void draw_late_cancels(uint64_t seed, Swarm& swarm) {
    base::Prng prng(seed ^ 0x4c41'5445ULL);
    if (prng.percent(50)) swarm.faults.late_cancel_percent = 1 + prng.below(100);
}

}  // namespace

Swarm draw_swarm(uint64_t seed) {
    base::Prng prng(seed ^ 0x5357'4152'4dULL);
    Swarm swarm;
    swarm.worker_count = prng.percent(20) ? 1 : 2 + prng.below(3);
    if (prng.percent(60)) swarm.mailbox_bytes = size_t{1024} << prng.below(5);
    if (prng.percent(50)) {
        swarm.ring.receive_buffer_bytes = static_cast<uint32_t>(between(prng, 16, 2048));
        swarm.ring.receive_buffer_count_max = static_cast<uint32_t>(between(prng, 1, 16));
    }
    if (prng.percent(50)) swarm.cache_entries = 1 + prng.below(32);
    if (prng.percent(15)) swarm.max_pending_bytes = between(prng, 2'000, 200'000);
    if (prng.percent(20)) swarm.ping_interval_ns = between(prng, 20'000'000, 400'000'000);
    if (prng.percent(20)) swarm.busy_poll_ns = between(prng, 1'000, 100'000);
    if (prng.percent(30)) swarm.hiccup_permille = 1 + prng.below(30);
    swarm.faults = draw_faults(prng);
    draw_clients(prng, swarm);
    if (prng.percent(50)) swarm.released_per_turn = 1 + prng.below(4);
    swarm.login = prng.percent(35);
    if (swarm.login) swarm.stranger_percent = prng.below(30);
    if (prng.percent(40)) swarm.reload_count = 1 + prng.below(6);
    swarm.ends_as_lame_duck = prng.percent(30);
    swarm.tenants = swarm.login && prng.percent(70);
    if (prng.percent(8)) swarm.write_deadline_ns = between(prng, 1'000'000, 30'000'000);
    draw_locality(seed, swarm);
    draw_sharing(seed, swarm);
    draw_late_cancels(seed, swarm);
    return swarm;
}

std::string Swarm::describe() const {
    return fmt::format(
        "workers {} mailbox {} buffers {}x{} cache {} pending {} ping {}ms poll {}ns hiccup {} "
        "released {} share {}\n"
        "  faults: latency {}..{}ns split {}% stall {}%o reset {}%o short receive {}% send {}% "
        "delay {}% late cancel {}% spurious {}%o partial {}% emfile {}%o jump {}%o stream {}..{}\n"
        "  clients {}+{} operations {} think {}ns tokens {} payload {} burst {} queue {}% "
        "churn {}% leave {}%o stop reading {}%o garbage {}%o login {} tenants {} strangers {}% "
        "write deadline {}ms reloads {} "
        "lame {} skew {}%o move {}%o publishers {}% movers {}%",
        worker_count, mailbox_bytes, ring.receive_buffer_count_max, ring.receive_buffer_bytes,
        cache_entries, max_pending_bytes, ping_interval_ns / 1'000'000, busy_poll_ns,
        hiccup_permille, released_per_turn, share_bytes, faults.latency_min_ns,
        faults.latency_max_ns, faults.split_percent,
        faults.stall_permille, faults.reset_permille, faults.short_receive_percent,
        faults.short_send_percent, faults.delay_percent, faults.late_cancel_percent,
        faults.spurious_wake_permille,
        faults.partial_turn_percent, faults.accept_failure_permille, faults.wall_jump_permille,
        faults.stream_bytes_min, faults.stream_bytes_max, client_count, later_client_count,
        operation_count, think_max_ns, token_count, payload_max, burst_max, queue_percent,
        churn_percent, leave_permille, stop_reading_permille, garbage_permille, login,
        tenants, stranger_percent, write_deadline_ns / 1'000'000, reload_count, ends_as_lame_duck,
        skew_permille, move_permille, publisher_percent, mover_percent);
}

}  // namespace nuring::sim
