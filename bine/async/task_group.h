// Tasks that live no longer than a block of code.
//
//     TaskGroup group;
//     group.start([&]() -> Deferred<> { co_await serve(left); });     // the callable is kept until its Deferred ends
//     group.start(serve(right));
//     co_await group.join();
//
// The first error of a task cancels the others and is what join() throws; the errors of those are logged. Tasks that end
// cancelled are no error. Make a group in the frame whose locals its tasks use: that frame is then not destroyed under a
// task that runs. Confined to one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "bine/async/deferred.h"
#include "bine/base/intrusive_list.h"

namespace bine {

class TaskGroup;

// The group in the tree: it hangs off the frame that made it, and the tasks off this.
class GroupStage final : public Branch {
public:
    GroupStage(std::size_t bytes, const Place& made) noexcept : Branch(kConsumer, 0, bytes, made, running()) {}

private:
    void resume() noexcept override {}
    void unwind() noexcept override {}
};

// A task's record: it belongs to its group and waits for the task.
class GroupTask : public Branch, public ListHook<GroupTask> {
protected:
    GroupTask(std::size_t bytes, TaskGroup& group, const Place& made) noexcept;

    // Runs on the stack of start(): makes the Deferred and adopts it.
    virtual void launch() noexcept = 0;
    void adopt_failure() noexcept;

private:
    friend class TaskGroup;
    void resume() noexcept final;
    void unwind() noexcept final {}

    TaskGroup* group_;
};

template <class F>
class CallableTask final : public GroupTask {
public:
    CallableTask(std::size_t bytes, TaskGroup& group, const Place& made, F&& f)
        : GroupTask(bytes, group, made), f_(std::move(f)) {}

private:
    void launch() noexcept override {
        try {
            adopt(*f_().release());
        } catch (...) {
            adopt_failure();
        }
    }

    F f_;
};

class TaskGroup {
public:
    explicit TaskGroup(Place place = Place::current()) : stage_(make_stage<GroupStage>(place)) {}
    // Cancels what is left. An error that nobody joined for is logged.
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    // Calls `f`, which returns a Deferred, now. False, and not called, once the group is cancelled or a task has failed.
    template <class F>
        requires std::is_invocable_v<F&>
    bool start(F f, Place place = Place::current()) {
        return !closed_ && launch(*make_stage<CallableTask<F>>(*this, place, std::move(f)));
    }
    // The same with a Deferred that is under way; refused, it is dropped.
    template <class T>
    bool start(Deferred<T> task, Place place = Place::current()) {
        return start([task = std::move(task)]() mutable { return std::move(task); }, place);
    }

    // Done when no task is left; tasks may be started meanwhile. One at a time: a second call ends the first one cancelled.
    Deferred<> join(Place place = Place::current());
    // Ends the tasks, and refuses new ones. Called from plain code, that has happened when it returns.
    void cancel() noexcept;

    std::size_t size() const noexcept { return size_; }
    bool cancelled() const noexcept { return closed_; }

private:
    friend class GroupTask;
    bool launch(GroupTask& task) noexcept;
    void task_ended(GroupTask& task, Stage& child) noexcept;
    void report() noexcept;

    GroupStage* stage_;
    IntrusiveList<GroupTask, GroupTask> tasks_;
    std::size_t size_ = 0;
    bool closed_ = false;
    std::optional<Error> error_;
    std::optional<Promise<>> joiner_;
};

}  // namespace bine
