// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace nuring::monitor {

// The page at /: monitor/dashboard.html, built into the program (embed.py).
std::string_view dashboard_html();

}  // namespace nuring::monitor
