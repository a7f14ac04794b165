// A table of slots in stable memory, named by SlotId.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "bine/base/slot_id.h"

namespace bine {

// A table of T in chunks: addresses are stable, freed slots are used again, last freed first.
template <class T>
class Slab {
public:
    Slab() = default;
    // Names have indexes from `first` upwards, so that two tables can share one room of names.
    explicit Slab(uint32_t first) : first_(first) {}
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;
    ~Slab() {
        for_each([this](SlotId id, T&) { erase(id); });
    }

    // The constructor must not use this table; a destructor may, and finds its own name gone already.
    template <class... Args>
    std::pair<SlotId, T*> emplace(Args&&... args) {
        if (free_ == kNone) grow();
        const uint32_t index = free_;
        Slot& slot = at(index);
        T* item = new (slot.storage) T(std::forward<Args>(args)...);
        free_ = slot.next_free;
        slot.generation |= 1u;
        ++size_;
        return {SlotId{first_ + index, slot.generation}, item};
    }

    // Null for a name whose slot has been freed (and perhaps taken by another since).
    T* find(SlotId id) noexcept {
        const uint32_t index = id.index - first_;
        if (index >= chunks_.size() * kChunk) return nullptr;
        Slot& slot = at(index);
        return slot.generation == id.generation && (id.generation & 1u) ? item(slot) : nullptr;
    }

    void erase(SlotId id) noexcept {
        T* found = find(id);
        if (!found) return;
        const uint32_t index = id.index - first_;
        Slot& slot = at(index);
        ++slot.generation;
        found->~T();
        slot.next_free = free_;
        free_ = index;
        --size_;
    }

    std::size_t size() const noexcept { return size_; }

    // Calls f(SlotId, T&) for each; f may erase any slot.
    template <class F>
    void for_each(F&& f) {
        for (uint32_t index = 0; index < chunks_.size() * kChunk; ++index) {
            Slot& slot = at(index);
            if (slot.generation & 1u) f(SlotId{first_ + index, slot.generation}, *item(slot));
        }
    }

private:
    static constexpr uint32_t kChunk = 64;
    static constexpr uint32_t kNone = UINT32_MAX;

    // A slot in use has an odd generation; each use adds two, so a name is good for 2^31 uses of its slot.
    struct Slot {
        alignas(T) unsigned char storage[sizeof(T)];
        uint32_t generation = 0;
        uint32_t next_free = kNone;
    };

    static T* item(Slot& slot) noexcept { return std::launder(reinterpret_cast<T*>(slot.storage)); }
    Slot& at(uint32_t index) noexcept { return chunks_[index / kChunk][index % kChunk]; }

    void grow() {
        const auto first = static_cast<uint32_t>(chunks_.size() * kChunk);
        chunks_.push_back(std::make_unique<Slot[]>(kChunk));
        for (uint32_t i = kChunk; i-- > 0;) {
            at(first + i).next_free = free_;
            free_ = first + i;
        }
    }

    std::vector<std::unique_ptr<Slot[]>> chunks_;
    const uint32_t first_ = 0;
    uint32_t free_ = kNone;
    std::size_t size_ = 0;
};

}  // namespace bine
