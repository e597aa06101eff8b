// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <vector>

#include "core/link/link.h"

namespace nuring::link {

// Of those that may be servers, of one kind.
inline constexpr size_t kStrangersMax = 256;

// StrangerList bounds the accepted connections of one worker that have not shown yet what they are: servers
// before their login, browsers before their upgrade. Where one too many comes, the oldest is closed: a real
// peer needs milliseconds, while somebody who only holds connections loses them first.
// Threads:  its worker. Limits: `count_max` links. Errors: none. Lifetime: outlives its links.
class StrangerList {
  public:
    explicit StrangerList(size_t count_max) : count_max_(count_max) {}

    void add(Link& link) {
        links_.push_back(&link);
        if (links_.size() <= count_max_) return;
        links_.front()->close(CloseReason::kAuthenticationTimeout);  // which removes it
        assert(links_.size() <= count_max_);
    }
    void remove(Link& link) { std::erase(links_, &link); }
    std::vector<base::LinkHandle> handles() const {
        std::vector<base::LinkHandle> handles;
        handles.reserve(links_.size());
        for (const Link* link : links_) handles.push_back(link->handle());
        return handles;
    }

  private:
    const size_t count_max_;
    std::vector<Link*> links_;  // in order of arrival
};

}  // namespace nuring::link
