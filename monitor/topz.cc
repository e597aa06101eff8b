// SPDX-License-Identifier: Apache-2.0
// /topz: who publishes most, by subject and by connection; ours.
#include <algorithm>
#include <map>
#include <tuple>

#include "core/base/rfc3339.h"
#include "core/client/heavy_hitters.h"
#include "core/observe/heavy_hitters_survey.h"
#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"
#include "monitor/pages.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

constexpr int64_t kCountDefault = 10;
constexpr int64_t kCountMax = client::HeavyHitters::Subjects::kCapacity;

// The heaviest first; of equals, the order stays the same from request to request.
template <class Top>
void cut(std::vector<Top>* all, bool by_bytes, size_t count) {
    std::stable_sort(all->begin(), all->end(), [by_bytes](const Top& a, const Top& b) {
        const auto key = [by_bytes](const Top& top) {
            return by_bytes ? std::pair(top.bytes, top.messages) : std::pair(top.messages, top.bytes);
        };
        return key(a) > key(b);
    });
    if (all->size() > count) all->resize(count);
}

// Two publishers of one subject may live on two workers.
std::vector<observe::TopSubject> merge(std::vector<observe::TopSubject> parts) {
    std::map<std::pair<std::string, std::string>, observe::TopSubject> by_name;
    for (observe::TopSubject& part : parts) {
        observe::TopSubject& sum = by_name[{part.account, part.subject}];
        sum.account = part.account;
        sum.subject = part.subject;
        sum.messages += part.messages;
        sum.bytes += part.bytes;
    }
    std::vector<observe::TopSubject> merged;
    for (auto& [name, sum] : by_name) merged.push_back(std::move(sum));
    return merged;
}

void write_counts(proto::JsonWriter* json, uint64_t messages, uint64_t bytes) {
    json->field("msgs", messages);
    json->field("bytes", bytes);
    json->end_object();
}

}  // namespace

absl::Status make_topz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const auto wanted = query.integer("n");
    if (!wanted.ok()) return wanted.status();
    const auto count = static_cast<size_t>(*wanted <= 0 ? kCountDefault : std::min(*wanted, kCountMax));
    const std::string_view sort = query.text("sort");
    if (!sort.empty() && sort != "msgs" && sort != "bytes") {
        return absl::InvalidArgumentError(fmt::format("invalid sorting option: {}", sort));
    }
    std::vector<observe::TopSubject> subjects;
    std::vector<observe::TopConnection> connections;
    uint64_t window_ns = 0;
    for (const auto& survey : sources.runner.run<observe::HeavyHittersSurvey>(
             [] { return std::make_shared<observe::HeavyHittersSurvey>(); })) {
        window_ns = std::max(window_ns, survey->window_ns());
        subjects.insert(subjects.end(), survey->subjects().begin(), survey->subjects().end());
        connections.insert(connections.end(), survey->connections().begin(),
                           survey->connections().end());
    }
    subjects = merge(std::move(subjects));
    cut(&subjects, sort == "bytes", count);
    cut(&connections, sort == "bytes", count);
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.field("enabled", sources.options->uring.heavy_hitters);
    json.field("window_s", static_cast<double>(window_ns) / 1e9);
    json.begin_array("subjects");
    for (const observe::TopSubject& each : subjects) {
        json.begin_object();
        json.field("account", each.account);
        json.field("subject", each.subject);
        write_counts(&json, each.messages, each.bytes);
    }
    json.end_array();
    json.begin_array("connections");
    for (const observe::TopConnection& each : connections) {
        json.begin_object();
        json.field("cid", each.cid);
        json.field("name", each.name);
        json.field("account", each.account);
        write_counts(&json, each.messages, each.bytes);
    }
    json.end_array();
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
