// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_urls.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "core/base/host_port.h"

namespace nuring::gateway {

server_link::LinkTarget LeafUrls::target_of(const config::Url& url) {
    server_link::LinkTarget target = server_link::LinkTarget::from_url(url);
    if (target.port == 0) target.port = kDefaultPort;
    return target;
}

LeafUrls::LeafUrls(const std::vector<config::Url>& configured, base::Prng* prng) {
    assert(!configured.empty());
    for (const config::Url& url : configured) {
        server_link::LinkTarget target = target_of(url);
        target.is_explicit = true;
        is_websocket_ = is_websocket_ || url.is_websocket();
        wants_tls_ = wants_tls_ || url.scheme == "wss" || url.scheme == "tls";
        if (url.path.size() > 1) paths_.push_back({target, url.path});
        configured_.push_back(std::move(target));
        if (user_.empty() && url.has_user) {
            user_ = url.user;
            password_ = url.password;
        }
    }
    for (server_link::LinkTarget& each : configured_) {
        if (!each.user.empty()) continue;
        each.user = user_;
        each.password = password_;
    }
    if (prng != nullptr) {
        for (size_t i = configured_.size(); i > 1; --i) {
            std::swap(configured_[i - 1], configured_[prng->below(static_cast<uint32_t>(i))]);
        }
    }
    list_ = configured_;
    current_ = list_.front();
}

const server_link::LinkTarget& LeafUrls::next() {
    assert(!list_.empty());
    if (is_tried_ && list_.size() > 1 && list_.front().is_at(current_)) {
        std::rotate(list_.begin(), list_.begin() + 1, list_.end());
    }
    is_tried_ = true;
    return current_ = list_.front();
}

const std::string& LeafUrls::certificate_name(const server_link::LinkTarget& target) const {
    if (!base::is_numeric_host(target.host)) return target.host;
    for (const server_link::LinkTarget& each : configured_) {
        if (!base::is_numeric_host(each.host)) return each.host;
    }
    return target.host;
}

std::string LeafUrls::websocket_path(const server_link::LinkTarget& target) const {
    const auto found = std::find_if(paths_.begin(), paths_.end(),
                                    [&](const Path& each) { return each.target.is_at(target); });
    std::string path = found == paths_.end() ? std::string() : found->path;
    path.erase(std::min(path.find('?'), path.size()));
    while (path.ends_with('/')) path.pop_back();
    return path + "/leafnode";
}

void LeafUrls::learn(const std::vector<std::string>& announced) {
    list_.clear();
    // Those that are known or make no sense count, too: each is searched for.
    for (const std::string& text : std::span(announced).first(std::min(announced.size(), kLearnedMax))) {
        const auto url = config::parse_url(text);
        if (!url.ok() || url->host.empty()) continue;
        server_link::LinkTarget target = target_of(*url);
        const auto is_same = [&](const auto& each) { return each.is_at(target); };
        if (std::any_of(configured_.begin(), configured_.end(), is_same)) continue;
        if (std::any_of(list_.begin(), list_.end(), is_same)) continue;
        target.user = user_;
        target.password = password_;
        list_.push_back(std::move(target));
    }
    list_.insert(list_.end(), configured_.begin(), configured_.end());
    assert(list_.size() >= configured_.size());
}

}  // namespace nuring::gateway
