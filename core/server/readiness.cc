// SPDX-License-Identifier: Apache-2.0
#include "core/server/readiness.h"

#ifdef NURING_SYSTEMD
#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>

#include "fmt/format.h"
#endif

namespace nuring::server {

#ifdef NURING_SYSTEMD

void report_ready() {
    (void)::sd_notify(0, "READY=1");
}

void report_reloading() {
    // systemd compares this time with that of its own request (Type=notify-reload).
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t now_us =
        static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
    (void)::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now_us).c_str());
}

void report_stopping() {
    (void)::sd_notify(0, "STOPPING=1");
}

#else

void report_ready() {}
void report_reloading() {}
void report_stopping() {}

#endif

}  // namespace nuring::server
