/// What operators have firewall programs do. Each script prints what the program says and the rules it leaves, and ends with 0.
enum FirewallScripts {
    static let all: [(name: String, script: String)] = [
        ("ferm, by iptables-restore", ferm("--fast")), ("ferm, by iptables", ferm("--slow")), ("fail2ban", fail2ban),
        ("ufw", ufw), ("shorewall", shorewall),
    ]

    private static func ferm(_ mode: String) -> String {
        """
        cat > $D/ferm.conf <<'END'
        @def $LAN = lan0;
        @def $WAN = wan0;
        @def $NET = 10.0.0.0/24;
        table filter {
            chain INPUT {
                policy DROP;
                mod state state INVALID DROP;
                mod state state (ESTABLISHED RELATED) ACCEPT;
                interface lo ACCEPT;
                proto icmp icmp-type echo-request ACCEPT;
                proto tcp dport ssh ACCEPT;
                interface $LAN {
                    proto (udp tcp) dport domain ACCEPT;
                    proto udp dport bootps ACCEPT;
                }
                proto tcp dport (http https) @subchain "web" {
                    saddr (192.0.2.0/24 198.51.100.7) DROP;
                    ACCEPT;
                }
                REJECT reject-with icmp-port-unreachable;
            }
            chain OUTPUT policy ACCEPT;
            chain FORWARD {
                policy DROP;
                mod state state (ESTABLISHED RELATED) ACCEPT;
                interface $LAN outerface $WAN saddr $NET ACCEPT;
                interface $WAN mod conntrack ctstate DNAT ACCEPT;
                proto tcp mod multiport destination-ports (135 139 445) mod comment comment "no windows" DROP;
                outerface ! $WAN proto tcp tcp-flags (SYN ACK) SYN DROP;
            }
        }
        table nat {
            chain POSTROUTING outerface $WAN saddr $NET MASQUERADE;
            chain PREROUTING interface $WAN proto tcp dport 8080 DNAT to 10.0.0.80:80;
        }
        END
        ferm \(mode) $D/ferm.conf || exit 1
        saved
        sed -i '/windows/d; s/8080/8081/' $D/ferm.conf
        ferm \(mode) $D/ferm.conf || exit 1
        saved
        ferm --flush $D/ferm.conf || exit 1
        saved
        """
    }

    private static let fail2ban = """
        mkdir $D/action.d $D/filter.d
        cp /etc/fail2ban/action.d/iptables*.conf $D/action.d/
        : > $D/log
        cat > $D/fail2ban.conf <<END
        [Definition]
        loglevel = INFO
        logtarget = $D/f2b.log
        syslogsocket = auto
        socket = $D/f2b.sock
        pidfile = $D/f2b.pid
        dbfile = None
        dbpurgeage = 1d
        allowipv6 = no
        [Thread]
        END
        cat > $D/filter.d/door.conf <<'END'
        [Definition]
        failregex = ^refused <HOST>$
        END
        cat > $D/jail.conf <<END
        [DEFAULT]
        backend = polling
        logpath = $D/log
        filter = door
        maxretry = 2
        findtime = 600
        bantime = 600
        enabled = true
        usedns = no
        [one]
        action = iptables[name=one, port=ssh, protocol=tcp]
        [many]
        action = iptables-multiport[name=many, port="http,https,8080", protocol=tcp, blocktype=DROP]
        [all]
        action = iptables-allports[name=all, chain=FORWARD, protocol=all]
        END
        client() { fail2ban-client -c $D -s $D/f2b.sock -p $D/f2b.pid "$@" > /dev/null 2>> $D/errors || exit 1; }
        # Bans are carried out by a thread of each jail: what they lead to is waited for.
        wait_for() { for i in $(seq 200); do [ "$(iptables-save | grep -c -e "$1")" = $2 ] && return; sleep 0.05; done; echo "no $2 of $1"; }
        iptables -A INPUT -i lan0 -j ACCEPT
        client start
        # One jail after the other, so that rules come in one order.
        for jail in one many all; do
            client set $jail banip 192.0.2.1
            wait_for "f2b-$jail -s 192.0.2.1" 1
            client set $jail banip 192.0.2.2
            wait_for "f2b-$jail -s 192.0.2.2" 1
        done
        client set many unbanip 192.0.2.1
        wait_for 'f2b-many -s' 1
        saved
        client stop
        wait_for f2b 0
        saved
        grep -E 'ERROR|CRITICAL' $D/f2b.log | cut -c 25-
        true
        """

    private static let ufw = """
        cp -a /etc/ufw $D/ufw
        sed 's/^IPV6=.*/IPV6=no/; s/^IPT_SYSCTL=.*/IPT_SYSCTL=/; s/^IPT_MODULES=.*/IPT_MODULES=""/' /etc/default/ufw > $D/default
        sed -i 's/^ENABLED=.*/ENABLED=no/' $D/ufw/ufw.conf
        mount --bind $D/ufw /etc/ufw && mount --bind $D/default /etc/default/ufw || exit 1
        ufw --force enable || exit 1
        ufw allow ssh
        ufw allow proto tcp from 10.0.0.0/24 to any port 80,443
        ufw limit 2222/tcp
        ufw deny in on wan0 from 192.0.2.0/24
        ufw route allow in on lan0 out on wan0
        ufw reject 113/tcp
        ufw logging medium
        ufw status verbose
        ufw status numbered
        saved
        ufw --force delete 1
        ufw default deny outgoing
        ufw reload || exit 1
        saved
        ufw disable || exit 1
        saved
        """

    private static let shorewall = """
        mkdir $D/etc $D/var
        cp /etc/shorewall/* $D/etc/
        cp /usr/share/doc/shorewall/examples/two-interfaces/* $D/etc/
        gunzip -f $D/etc/*.gz 2> /dev/null
        sed -i 's/eth0/wan0/g; s/eth1/lan0/g' $D/etc/interfaces $D/etc/snat $D/etc/policy $D/etc/rules $D/etc/stoppedrules
        sed -i 's/^STARTUP_ENABLED=.*/STARTUP_ENABLED=Yes/; s/^DISABLE_IPV6=.*/DISABLE_IPV6=No/; s/^IP_FORWARDING=.*/IP_FORWARDING=Keep/
            s/^AUTOHELPERS=.*/AUTOHELPERS=No/; s/^STARTUP_LOG=.*/STARTUP_LOG=/; s/^SUBSYSLOCK=.*/SUBSYSLOCK=/' $D/etc/shorewall.conf
        mount --bind $D/etc /etc/shorewall && mount --bind $D/var /var/lib/shorewall || exit 1
        # Names of helper chains come from a hash of the time.
        rules() { saved | sed -E 's/(sha-[lr]h)-[0-9a-f]+/\\1/'; }
        # What Martlet refuses for good, and what the kernel has lost.
        shorewall show -f capabilities | grep -vE '^#|NFQUEUE|CPU_FANOUT|PHYSDEV|ULOG_TARGET'
        shorewall check > $D/check 2>&1 || { cat $D/check; exit 1; }
        shorewall start > $D/start 2>&1 || { cat $D/start; exit 1; }
        rules
        shorewall drop 192.0.2.9
        rules | grep 192.0.2.9
        shorewall clear > $D/clear 2>&1 || { cat $D/clear; exit 1; }
        rules
        """
}
