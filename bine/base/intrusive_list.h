// A doubly linked list whose links live in its elements: no allocation, removal in constant time, self-unlinking.
#pragma once

#include <cassert>

namespace bine {

// Derive from it (once per list that an element can be in, told apart by Tag). An element unlinks itself when destroyed.
template <class Tag = void>
class ListHook {
public:
    ListHook() = default;
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }

    bool linked() const noexcept { return next_ != nullptr; }

    void unlink() noexcept {
        if (!next_) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

private:
    template <class T, class U>
    friend class IntrusiveList;

    ListHook* next_ = nullptr;
    ListHook* previous_ = nullptr;
};

// Owns nothing; elements must not be in two lists by one hook. Destroying a list unlinks what is left.
template <class T, class Tag = void>
class IntrusiveList {
    using Hook = ListHook<Tag>;

public:
    IntrusiveList() noexcept { head_.next_ = head_.previous_ = &head_; }
    ~IntrusiveList() {
        while (pop_front()) {
        }
        head_.next_ = head_.previous_ = nullptr;
    }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    bool empty() const noexcept { return head_.next_ == &head_; }
    T* front() noexcept { return empty() ? nullptr : element(head_.next_); }

    // The element behind `item`, which is in this list; null behind the last.
    T* after(T& item) noexcept {
        Hook* next = static_cast<Hook&>(item).next_;
        return next == &head_ ? nullptr : element(next);
    }

    void push_back(T& item) noexcept { link_before(head_, item); }
    void push_front(T& item) noexcept { link_before(*head_.next_, item); }

    // The first element, unlinked; null when empty.
    T* pop_front() noexcept {
        T* first = front();
        if (first) static_cast<Hook*>(first)->unlink();
        return first;
    }

    // Appends all of `other`, in constant time.
    void splice_back(IntrusiveList& other) noexcept {
        if (other.empty()) return;
        Hook* first = other.head_.next_;
        Hook* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
    }

    // Calls f(T&) for each; f may unlink the element it is given, and no other.
    template <class F>
    void for_each(F&& f) {
        for (Hook* at = head_.next_; at != &head_;) {
            Hook* next = at->next_;
            f(*element(at));
            at = next;
        }
    }

private:
    static T* element(Hook* hook) noexcept { return static_cast<T*>(hook); }

    static void link_before(Hook& position, T& item) noexcept {
        Hook& hook = item;
        assert(!hook.linked());
        hook.previous_ = position.previous_;
        hook.next_ = &position;
        position.previous_->next_ = &hook;
        position.previous_ = &hook;
    }

    Hook head_;
};

}  // namespace bine
