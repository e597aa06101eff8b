// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_remotes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/host_port.h"
#include "core/server_link/gossip_urls.h"
#include "core/server_link/link_target.h"

namespace nuring::gateway {
namespace {

bool is_at(const config::Url& one, const config::Url& other) {
    return one.host == other.host && one.port == other.port;
}

bool contains_url(const std::vector<config::Url>& urls, const config::Url& url) {
    return std::any_of(urls.begin(), urls.end(), [&](const config::Url& each) { return is_at(each, url); });
}

}  // namespace

std::vector<config::Url> Remote::urls() const {
    std::vector<config::Url> all = configured;
    for (const config::Url& url : learned) {
        if (!contains_url(all, url)) all.push_back(url);
    }
    return all;
}

void GatewayRemotes::configure(const config::GatewayOptions& options) {
    const std::lock_guard lock(mutex_);
    tls_ = options.tls;
    for (Remote& remote : remotes_) {
        if (remote.is_implicit) remote.tls = tls_;
    }
    for (const config::RemoteGateway& each : options.gateways) {
        if (each.name == own_name_) continue;  // one list may serve all clusters
        Remote* remote = find_locked(each.name);
        if (remote == nullptr) {
            remotes_.emplace_back();
            remote = &remotes_.back();
            remote->name = each.name;
        }
        remote->is_implicit = false;
        remote->configured = each.urls;
        remote->tls = each.tls.has_value() ? each.tls : tls_;
        for (const config::Url& url : each.urls) {
            if (remote->tls_name.empty() && !base::is_numeric_host(url.host)) remote->tls_name = url.host;
        }
    }
}

const Remote* GatewayRemotes::find_locked(const std::string& name) const {
    const auto found = std::find_if(remotes_.begin(), remotes_.end(),
                                    [&](const Remote& each) { return each.name == name; });
    return found == remotes_.end() ? nullptr : &*found;
}

Remote* GatewayRemotes::find_locked(const std::string& name) {
    return const_cast<Remote*>(std::as_const(*this).find_locked(name));
}

std::optional<Remote> GatewayRemotes::find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const Remote* remote = find_locked(name);
    return remote == nullptr ? std::nullopt : std::optional<Remote>(*remote);
}

std::vector<Remote> GatewayRemotes::list() const {
    const std::lock_guard lock(mutex_);
    return remotes_;
}

bool GatewayRemotes::contains(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return find_locked(name) != nullptr;
}

void GatewayRemotes::add_urls(Remote* remote, const std::vector<std::string>& urls) const {
    // Those that are known or make no sense count, too: each is searched for under the lock.
    for (const std::string& text : server_link::GossipUrls::first_of(urls)) {
        if (remote->learned.size() >= kUrlsMax) return;
        auto url = config::parse_url(text);
        if (!url.ok() || !server_link::is_dialable(*url)) continue;
        url->user.clear();
        url->password.clear();
        if (contains_url(remote->configured, *url) || contains_url(remote->learned, *url)) continue;
        if (remote->tls_name.empty() && !base::is_numeric_host(url->host)) remote->tls_name = url->host;
        remote->learned.push_back(*std::move(url));
    }
}

GatewayRemotes::Learned GatewayRemotes::learn(const std::string& name, const std::vector<std::string>& urls) {
    if (name == own_name_ || name.empty()) return Learned::kOwn;
    const std::lock_guard lock(mutex_);
    if (Remote* known = find_locked(name)) {
        add_urls(known, urls);
        return Learned::kKnown;
    }
    if (remotes_.size() >= kRemotesMax || name.size() > kNameBytesMax) return Learned::kRefused;
    Remote remote;
    remote.name = name;
    remote.is_implicit = true;
    remote.tls = tls_;
    add_urls(&remote, urls);
    if (remote.learned.empty()) return Learned::kRefused;
    remotes_.push_back(std::move(remote));
    return Learned::kNew;
}

void GatewayRemotes::replace_urls(const std::string& name, const std::vector<std::string>& urls) {
    const std::lock_guard lock(mutex_);
    Remote* remote = find_locked(name);
    if (remote == nullptr || urls.empty()) return;
    remote->learned.clear();
    add_urls(remote, urls);
}

void GatewayRemotes::forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(remotes_, [&](const Remote& each) { return each.is_implicit && each.name == name; });
}

// ------------------------------------------------------------------------------------ connections

bool GatewayRemotes::add_outbound(const GatewayEntry& entry) {
    assert(entry.link != base::LinkHandle());
    const std::lock_guard lock(mutex_);
    const bool is_known = std::any_of(outbound_.begin(), outbound_.end(),
                                      [&](const GatewayEntry& each) { return each.name == entry.name; });
    if (is_known) return false;
    outbound_.push_back(entry);
    (void)sort_locked();
    return true;
}

void GatewayRemotes::add_inbound(const GatewayEntry& entry) {
    assert(entry.link != base::LinkHandle());
    const std::lock_guard lock(mutex_);
    inbound_.push_back(entry);
}

std::optional<GatewayEntry> GatewayRemotes::remove(base::LinkHandle link) {
    const std::lock_guard lock(mutex_);
    for (std::vector<GatewayEntry>* entries : {&outbound_, &inbound_}) {
        const auto found = std::find_if(entries->begin(), entries->end(),
                                        [&](const GatewayEntry& each) { return each.link == link; });
        if (found == entries->end()) continue;
        GatewayEntry entry = *found;
        entries->erase(found);
        return entry;
    }
    return std::nullopt;
}

bool GatewayRemotes::has_outbound(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(outbound_.begin(), outbound_.end(),
                       [&](const GatewayEntry& each) { return each.name == name; });
}

bool GatewayRemotes::has_inbound(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(inbound_.begin(), inbound_.end(),
                       [&](const GatewayEntry& each) { return each.name == name; });
}

bool GatewayRemotes::set_rtt(base::LinkHandle link, uint64_t rtt_ns) {
    const std::lock_guard lock(mutex_);
    for (GatewayEntry& each : outbound_) {
        if (each.link != link) continue;
        each.rtt_ns = rtt_ns;
        return sort_locked();
    }
    return false;
}

// True: it was not sorted. A connection whose round trip is not known yet comes first, as in the reference.
bool GatewayRemotes::sort_locked() {
    const auto nearer = [](const GatewayEntry& a, const GatewayEntry& b) { return a.rtt_ns < b.rtt_ns; };
    if (std::is_sorted(outbound_.begin(), outbound_.end(), nearer)) return false;
    std::stable_sort(outbound_.begin(), outbound_.end(), nearer);
    return true;
}

std::vector<GatewayEntry> GatewayRemotes::outbound() const {
    const std::lock_guard lock(mutex_);
    return outbound_;
}

std::vector<GatewayEntry> GatewayRemotes::inbound() const {
    const std::lock_guard lock(mutex_);
    return inbound_;
}

}  // namespace nuring::gateway
