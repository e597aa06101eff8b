// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_answer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <ctime>

#include "core/base/time_units.h"
#include "fmt/format.h"

namespace nuring::monitor {
namespace {

struct Reason {
    int status;
    std::string_view text;
};
constexpr std::array kReasons = {
    Reason{200, "OK"},
    Reason{301, "Moved Permanently"},
    Reason{400, "Bad Request"},
    Reason{404, "Not Found"},
    Reason{417, "Expectation Failed"},
    Reason{500, "Internal Server Error"},
    Reason{503, "Service Unavailable"},
};

std::string_view reason_of(int status) {
    const auto* found = std::find_if(kReasons.begin(), kReasons.end(),
                                     [status](const Reason& each) { return each.status == status; });
    assert(found != kReasons.end());
    return found->text;
}

bool is_one_line(std::string_view text) {
    return text.find_first_of("\r\n") == std::string_view::npos;
}

}  // namespace

std::string_view http_version(const HttpForm& form) {
    return form.old ? "HTTP/1.0 " : "HTTP/1.1 ";
}

std::string http_head(const HttpForm& form, const HttpAnswer& answer, std::string_view date) {
    std::string head =
        fmt::format("{}{} {}\r\n", http_version(form), answer.status, reason_of(answer.status));
    const auto add = [&head](std::string_view name, std::string_view value) {
        assert(is_one_line(value));  // a line break would begin a field, or the body
        head += fmt::format("{}: {}\r\n", name, value);
    };
    for (const auto& [name, value] : answer.headers) add(name, value);
    if (!form.goes_on && !form.old) add("Connection", "close");
    if (form.goes_on && form.old) add("Connection", "keep-alive");
    add("Content-Length", fmt::format("{}", answer.body.size()));
    if (!answer.body.empty()) add("Content-Type", answer.content_type);
    add("Date", date);
    head += "\r\n";
    return head;
}

std::string http_date(uint64_t wall_ns) {
    const auto now = static_cast<time_t>(wall_ns / base::kSecond_ns);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text;
    const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    assert(size != 0);
    return {text.data(), size};
}

}  // namespace nuring::monitor
