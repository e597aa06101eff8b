// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_urls.h"

namespace nuring::cluster {

ClusterUrls::News ClusterUrls::add(const std::string& server_id, const proto::ServerInfo& info) {
    (void)servers_.try_emplace(server_id);
    return update(server_id, info);
}

ClusterUrls::News ClusterUrls::update(const std::string& server_id, const proto::ServerInfo& info) {
    const auto known = servers_.find(server_id);
    if (known == servers_.end()) return {};
    constexpr auto first_of = &server_link::GossipUrls::first_of;
    Announced after{.clients = {}, .websockets = {}, .leafnodes = first_of(info.leafnode_urls)};
    if (!info.ldm) {
        after.clients = first_of(info.connect_urls);
        after.websockets = first_of(info.ws_connect_urls);
    }
    return change(&known->second, after);
}

ClusterUrls::News ClusterUrls::remove(const std::string& server_id) {
    const auto known = servers_.find(server_id);
    if (known == servers_.end()) return {};
    const News news = change(&known->second, {});
    servers_.erase(known);
    return news;
}

ClusterUrls::News ClusterUrls::change(Announced* before, const Announced& after) {
    News news;
    news.clients = replace(&clients_, &before->clients, after.clients);
    news.websockets = replace(&websockets_, &before->websockets, after.websockets);
    news.leafnodes = replace(&leafnodes_, &before->leafnodes, after.leafnodes);
    return news;
}

// Adds first: an address that stays does not go in between.
bool ClusterUrls::replace(server_link::GossipUrls* urls, List* before, const List& after) {
    if (*before == after) return false;
    const bool has_come = urls->add(after);
    const bool has_gone = urls->remove(*before);
    *before = after;
    return has_come || has_gone;
}

}  // namespace nuring::cluster
