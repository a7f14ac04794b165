#include "bine/net/admission.h"

#include <map>
#include <string>

namespace bine {

struct Admission::Peers {
    std::map<std::string, std::size_t, std::less<>> counts;
};

Admission::Admission(std::size_t most, std::size_t most_per_peer) : most_(most), most_per_peer_(most_per_peer) {
    if (most_per_peer_ != 0) peers_ = std::make_unique<Peers>();
}

Admission::~Admission() = default;

bool Admission::try_enter(const Address& peer) {
    if (peers_ && peer.is_ip()) {
        std::size_t& count = peers_->counts[std::string(peer.ip_bytes())];
        if (count >= most_per_peer_) return false;
        ++count;
    }
    ++count_;
    return true;
}

void Admission::leave(const Address& peer) noexcept {
    --count_;
    if (peers_ && peer.is_ip()) {
        const auto found = peers_->counts.find(peer.ip_bytes());
        if (found != peers_->counts.end() && --found->second == 0) peers_->counts.erase(found);
    }
    if (on_leave_) on_leave_();
}

}  // namespace bine
