import Dataplane
import Kernel

extension RouterSettings {
    init(_ kernel: KernelSettings) {
        self.init()
        icmp.interval = UInt64(max(kernel.icmpRateLimit, 0)) * 1_000_000
        icmp.types = kernel.icmpRateMask
        icmp.perSecond = UInt32(clamping: kernel.icmpMessagesPerSecond)
        icmp.burst = UInt32(clamping: kernel.icmpMessagesBurst)
        defaultTTL = kernel.defaultTTL
        errorsUseIngressAddress = kernel.icmpErrorsUseIngressAddress
    }
}
