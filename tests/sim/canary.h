// SPDX-License-Identifier: Apache-2.0
// Bugs that are planted on purpose: what the worlds must find.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/prng.h"
#include "tests/sim/sim_net.h"

namespace nuring::sim {

// Each acts on about one of `kCanaryOneIn` lines of its kind that a server writes to another one.
inline constexpr uint32_t kCanaryOneIn = 100;

// The names of the canaries:
//   lost-interest     a line RS+ is not sent
//   kept-interest     a line RS- is not sent
//   lost-message      a message between servers is not sent
inline constexpr std::string_view kCanaries[] = {"lost-interest", "kept-interest", "lost-message"};

// Null: there is no canary of that name.
inline SimNet::Meddler make_canary(std::string_view name, uint64_t seed) {
    std::string_view verb;
    if (name == "lost-interest") verb = "RS+ ";
    if (name == "kept-interest") verb = "RS- ";
    if (name == "lost-message") verb = "RMSG ";
    if (verb.empty()) return nullptr;
    auto dice = std::make_shared<base::Prng>(seed ^ 0x4341'4e41'5259ULL);
    return [verb, dice](HostId /*from*/, HostId /*to*/, std::string bytes) {
        for (size_t at = 0; (at = bytes.find(verb, at)) != std::string::npos; at += verb.size()) {
            if (at != 0 && bytes[at - 1] != '\n') continue;
            size_t end = bytes.find("\r\n", at);
            if (end == std::string::npos) break;
            if (verb == "RMSG ") {  // the body ends with the next line
                end = bytes.find("\r\n", end + 2);
                if (end == std::string::npos) break;
            }
            if (dice->below(kCanaryOneIn) != 0) continue;
            bytes.erase(at, end + 2 - at);
            if (at >= bytes.size()) break;
        }
        return bytes;
    };
}

}  // namespace nuring::sim
