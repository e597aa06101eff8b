// SPDX-License-Identifier: Apache-2.0
#include "core/link/worker_loads.h"

#include <algorithm>
#include <limits>

namespace nuring::link {

void WorkerLoads::set_busy(base::WorkerId worker, double share, uint64_t now_ns) {
    Load& load = of(worker);
    const auto permille = static_cast<uint32_t>(std::clamp(share, 0.0, 1.0) * 1000);
    load.busy_permille.store(permille, std::memory_order_relaxed);
    load.measured_ns.store(now_ns, std::memory_order_relaxed);
    load.placed.store(0, std::memory_order_relaxed);
    load.promised_permille.store(0, std::memory_order_relaxed);
}

uint32_t WorkerLoads::busy_permille(base::WorkerId worker, uint64_t now_ns) const {
    const Load& load = of(worker);
    const bool is_old = load.measured_ns.load(std::memory_order_relaxed) + kOld_ns < now_ns;
    return is_old ? 0 : load.busy_permille.load(std::memory_order_relaxed);
}

double WorkerLoads::cost_of_client(uint64_t now_ns) const {
    uint32_t busy_permille_sum = 0;
    int64_t measured = 0;
    for (uint32_t i = 0; i < worker_count_; ++i) {
        const auto worker = static_cast<base::WorkerId>(i);
        busy_permille_sum += busy_permille(worker, now_ns);
        measured += clients(worker) - of(worker).placed.load(std::memory_order_relaxed);
    }
    return static_cast<double>(busy_permille_sum) / static_cast<double>(std::max<int64_t>(measured, 1));
}

double WorkerLoads::expected_permille(base::WorkerId worker, double cost, uint64_t now_ns) const {
    const auto placed = static_cast<double>(of(worker).placed.load(std::memory_order_relaxed));
    return busy_permille(worker, now_ns) + of(worker).promised_permille.load(std::memory_order_relaxed) +
           placed * cost;
}

base::WorkerId WorkerLoads::take_place(uint64_t now_ns) {
    const double cost = cost_of_client(now_ns);
    const auto worker_count = static_cast<int64_t>(worker_count_);
    int64_t total = 0;
    for (uint32_t i = 0; i < worker_count_; ++i) total += clients(static_cast<base::WorkerId>(i));
    // More than one and a half times the average, plus kSpareClients. The worker with the fewest never is.
    const auto is_crowded = [&](base::WorkerId worker) {
        return (clients(worker) - kSpareClients) * worker_count * 2 > total * 3;
    };
    double least_permille = std::numeric_limits<double>::max();
    for (uint32_t i = 0; i < worker_count_; ++i) {
        const auto worker = static_cast<base::WorkerId>(i);
        if (is_crowded(worker)) continue;
        least_permille = std::min(least_permille, expected_permille(worker, cost, now_ns));
    }
    base::WorkerId best{};  // stays so only where the figures change meanwhile: any worker will do
    int64_t fewest = INT64_MAX;
    for (uint32_t i = 0; i < worker_count_; ++i) {
        const auto worker = static_cast<base::WorkerId>(i);
        if (is_crowded(worker) || clients(worker) >= fewest) continue;
        if (expected_permille(worker, cost, now_ns) > least_permille + kNear_permille) continue;
        best = worker;
        fewest = clients(worker);
    }
    of(best).placed.fetch_add(1, std::memory_order_relaxed);
    add_client(best);
    return best;
}

}  // namespace nuring::link
