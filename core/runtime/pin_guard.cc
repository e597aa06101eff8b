// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/pin_guard.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace nuring::runtime {

std::optional<RunTimes> read_run_times(int thread, const std::string& root) {
    std::ifstream file(root + "/proc/self/task/" + std::to_string(thread) + "/schedstat");
    RunTimes times;
    if (!(file >> times.run_ns >> times.delay_ns)) return std::nullopt;
    return times;
}

bool PinGuard::is_crowded(const RunTimes& now) {
    const std::optional<RunTimes> last = std::exchange(last_, now);
    if (!last.has_value()) return false;
    const uint64_t run_ns = now.run_ns - std::min(now.run_ns, last->run_ns);
    const uint64_t delay_ns = now.delay_ns - std::min(now.delay_ns, last->delay_ns);
    const bool bad = delay_ns > kDelayMax_ns || (delay_ns > kDelaySmall_ns && delay_ns > run_ns);
    bad_readings_ = bad ? bad_readings_ + 1 : 0;
    return bad_readings_ >= kReadingsMax;
}

}  // namespace nuring::runtime
