// The relay of one launch that may call the names of a list. A thread of its own takes the program's connections and questions from the
// launch's network, asks the event loop what to do, and passes the bytes on.
#pragma once

#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include "flow.h"
#include "insidesockets.h"

namespace uchroot {

// An IPv6 address, or an IPv4 one in its mapped form, in network order.
struct Place {
  in6_addr address;
  uint16_t port;
};

// What the relay tells. Each of them must be answered once.
struct Asked {
  enum Kind : uint32_t {
    kQuery,       // a question to the name server: answer()
    kConnection,  // a connection to `place`: dial() or refuse()
    kFailed,      // the dial has failed with the errno `number`: dial() another place, or refuse()
    kDoor,        // a connection to the door `number`: dialPath() or refuse()
  };
  Kind kind;
  uint32_t id;
  std::string bytes = {};
  Place place = {};
  int number = 0;
};

// Whom a server of the host sees when it asks who has connected (SO_PEERCRED): not the service, which may be root.
struct Ids {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
};

// A listening socket of the host, and the port of the program to which it leads.
struct HostPort {
  int fd;
  uint16_t inside;
};

struct Connection;

class OutboundRelay {
 public:
  // It owns the sockets: for connections, for questions as datagrams and by connections of their own, which are -1 without a list; one of
  // the launch's network, if there are ports; the others are doors: sockets of AF_UNIX in the jail, and sockets for connections to
  // further ports. `ids`: of the program, if they are not those of the service.
  OutboundRelay(const std::vector<int>& sockets, std::vector<HostPort> ports, std::optional<Ids> ids, std::function<void(const Asked&)> ask);
  OutboundRelay(const OutboundRelay&) = delete;
  OutboundRelay& operator=(const OutboundRelay&) = delete;
  // Ends the thread, and resets all connections.
  ~OutboundRelay();

  // Returns 0 or an errno.
  int start();

  // From the event loop. An empty answer: none is sent. For `keepMs` nothing is asked about the same question, or about the same place.
  void answer(uint32_t id, std::string bytes, int64_t keepMs);
  void dial(uint32_t id, const Place& to, int64_t keepMs);
  // A socket of the host, on whose path is no link.
  void dialPath(uint32_t id, std::string path);
  void refuse(uint32_t id);

  // The program has ended. What it has sent still goes out, for some seconds at most; then `onEnd` is called on the thread.
  void finish(std::function<void()> onEnd);

 private:
  struct Order {
    enum Kind : uint32_t { kAnswer, kDial, kDialPath, kRefuse } kind;
    uint32_t id;
    std::string bytes = {};
    Place to = {};
    int64_t keepMs = 0;
  };
  // Who has asked, at which address, and what; the first two bytes of that are a number.
  struct Question {
    sockaddr_in6 from;
    in6_pktinfo at;
    std::string asked;
    uint32_t talk = 0;  // the connection that it came by
  };
  // A connection to the name server.
  struct Talk {
    int fd;
    std::string got = {};  // of a message that is not complete, with its length before it
  };
  template <typename Answer>
  struct Kept {
    Answer answer;
    int64_t untilMs;
  };
  template <typename Answer>
  using Memory = std::unordered_map<std::string, Kept<Answer>>;

  void run();
  void order(Order order);
  void takeOrders();
  void carryOut(const Order& order);
  void ask(const Asked& asked);
  void askAgain();
  // Whether the program may ask for more.
  void listen();
  void onReady(uint64_t data, uint32_t events);
  int doorOf(size_t number) const;
  void accept(int listener, int door, uint16_t inside = 0);
  void acceptTalk();
  void hear(uint32_t id);
  void hangUp(uint32_t id);
  // Answers what is remembered, and asks the event loop about the rest.
  void heed(Question question);
  void receive();
  void send(const Question& question, std::string bytes);
  void sayTo(uint32_t talk, const std::string& bytes);
  void reply(const Order& order);
  void dial(Connection& connection, const Place& to);
  void dialPath(Connection& connection, const std::string& path);
  void dialInside(Connection& connection);
  int dialAt(Connection& connection, int fd, const sockaddr* to, socklen_t size);
  void fail(Connection& connection, int error);
  void onDialed(Connection& connection);
  void move(Connection& connection);
  void drop(uint32_t id, bool isReset);
  bool watch(int fd, uint64_t data, uint32_t events, int operation);
  int64_t refill();
  bool watchListeners(uint32_t events, int operation);
  void closeListeners();
  void closeDoors();
  bool isOver() const;
  int wait() const;

  int listener_, datagrams_, talkers_, network_;
  std::vector<int> doors_;
  std::vector<HostPort> ports_;
  InsideSockets inside_;
  const std::optional<Ids> ids_;
  const std::function<void(const Asked&)> ask_;
  int epoll_ = -1, wake_ = -1;
  pthread_t thread_ = {};
  bool isRunning_ = false;
  std::atomic<bool> isEnding_ = false, isFinishing_ = false;
  std::function<void()> onEnd_;  // set before isFinishing_
  std::mutex mutex_;  // protects orders_
  std::vector<Order> orders_;
  // of the thread
  bool isListening_ = false;
  uint32_t lastId_ = 0;
  size_t asked_ = 0;  // without an answer
  double tokens_;
  int64_t refilledMs_ = 0, pausedUntilMs_ = 0, endsAtMs_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<Connection>> connections_;
  std::unordered_map<uint32_t, Question> questions_;
  std::map<uint32_t, Talk> talks_;  // the oldest comes first
  Memory<Place> places_;         // by the place that was called
  Memory<std::string> answers_;  // by the question without its number
  std::deque<uint32_t> ready_;  // connections that have more to move
  std::deque<std::pair<int64_t, uint32_t>> later_;  // connections to a server whose queue is full, and when to ask again
  Pipes pipes_;
};

}  // namespace uchroot
