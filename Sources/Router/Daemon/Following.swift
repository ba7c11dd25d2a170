import CXDP
import Control
import Dataplane
import Glibc
import Kernel
import Logging
import Net
import PacketIO
import Synchronization

// What the daemon does once it forwards: it follows the kernel, the workers and its signals until told to end.

extension RouterDaemon {
    /// Follows the kernel and the workers' effects until told to end.
    func follow(_ signals: borrowing SignalDescriptor) {
        var descriptors = [
            pollfd(fd: mirror.fileDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: exchange.effectDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            _ = unsafe poll(&descriptors, nfds_t(descriptors.count), 100)
            if descriptors[0].revents != 0 || !mirror.isSettled { followKernel() }
            if descriptors[1].revents != 0 { exchange.drain(exchange.effectDescriptor) }
            carryOutEffects()
            if descriptors[2].revents != 0 {
                switch signals.next() {
                case SIGHUP: reload()
                case SIGUSR1: reporter?.reopen()
                case 0: break
                default: return
                }
            }
            let now = MonotonicClock.now()
            if now >= nextSecond {
                nextSecond = now + 1_000_000_000
                everySecond()
            }
            do throws(Failure) {
                if try door.endTrialIfDue(now) { log.warning("nobody confirmed the rules in time; those from before are back") }
            } catch {
                warnOnce("the rules from before the trial cannot come back: \(error.message)")
            }
            core.lock.withLock { _ in core.reclaim() }
            core.sets.maintain(at: now.nanoseconds)
        }
    }

    private func followKernel() {
        let changes: [KernelChange]
        do throws(KernelError) {
            changes = try mirror.receive()
        } catch {
            log.error("cannot follow the kernel: \(error)")
            usleep(100_000)
            return
        }
        guard !changes.isEmpty else { return }
        core.lock.withLock { _ in
            core.apply(changes)
            core.endMasquerades(changes, ports: ports)
        }
        requester.observe(changes)
        for worker in 0..<exchange.workerCount { exchange.wake(worker) }
        if changes.contains(where: { if case .route = $0 { true } else { false } }), changes.count < 100 { warnOfRoutes() }
    }

    private func carryOutEffects() {
        let rings = core.lock.withLock { _ in core.reports.map(\.effects) }
        for ring in rings {
            while let effect = ring.pop() {
                switch effect {
                case .resolve(let port, let address, let isGateway), .refresh(let port, let address, let isGateway):
                    guard let link = ports.first(where: { $0.index == port })?.link else { continue }
                    let outcome = isGateway ? requester.manage(link, address) : requester.use(link, address)
                    if case .refused(let error) = outcome { warnOnce("neighbour \(address): \(error)") }
                case .portsExhausted(let ipProtocol, let address, let destination, let port):
                    log.warning(
                        "NAT has no port left: all that a rule allows at \(address) toward \(ipProtocol) \(destination):\(port) are taken (show drops: nat-exhausted)")
                }
            }
        }
    }

    private func everySecond() {
        do throws(KernelError) {
            for name in try sysctls.enforce() { log.warning("\(name) was changed by somebody else; put back") }
        } catch {
            warnOnce("\(error)")
        }
        core.lock.withLock { _ in _ = core.writer.takeUsedNeighbors() }
        readGroups()
    }

    /// The kernel tells of memberships only since 6.15, so they are read every second.
    func readGroups() {
        core.shared.groups.set(
            MulticastGroups.read().compactMap { membership in
                ports.first { $0.link == membership.link }.map { ($0.index, membership.group) }
            })
    }

    /// On a thread of its own: rules may name hosts, and the kernel must be followed while a name server takes its time.
    private func reload() {
        // Whoever rotates logs asks for new files this way.
        reporter?.reopen()
        let (reloader, log) = (reloader, log)
        do throws(Failure) {
            try SystemThread.detach {
                do throws(Failure) {
                    for message in try reloader.reload() { log.notice("\(message)") }
                } catch {
                    for diagnostic in error.diagnostics { log.error("\(diagnostic)") }
                    if !error.message.isEmpty { log.error("\(error.message)") }
                    log.error("what was in force stays")
                }
            }
        } catch {
            log.error("\(error)")
        }
    }
}
