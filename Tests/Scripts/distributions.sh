# What firewall programs of distributions issue.

# OpenWrt's fw3 through iptables-restore, with its many small chains.
iptables-restore <<EOF
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:zone_lan_helper - [0:0]
-A PREROUTING -i br-lan -m comment --comment "!fw3: lan CT helper assignment" -j zone_lan_helper
-A zone_lan_helper -p tcp -m comment --comment "!fw3: FTP passive connection tracking" -m tcp --dport 21 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:postrouting_lan_rule - [0:0]
:postrouting_rule - [0:0]
:prerouting_rule - [0:0]
:prerouting_wan_rule - [0:0]
:zone_lan_postrouting - [0:0]
:zone_wan_postrouting - [0:0]
:zone_wan_prerouting - [0:0]
-A PREROUTING -m comment --comment "!fw3: Custom prerouting rule chain" -j prerouting_rule
-A PREROUTING -i eth0.2 -m comment --comment "!fw3" -j zone_wan_prerouting
-A POSTROUTING -m comment --comment "!fw3: Custom postrouting rule chain" -j postrouting_rule
-A POSTROUTING -o br-lan -m comment --comment "!fw3" -j zone_lan_postrouting
-A POSTROUTING -o eth0.2 -m comment --comment "!fw3" -j zone_wan_postrouting
-A zone_lan_postrouting -m comment --comment "!fw3: Custom lan postrouting rule chain" -j postrouting_lan_rule
-A zone_wan_postrouting -m comment --comment "!fw3" -j MASQUERADE
-A zone_wan_prerouting -p tcp -m tcp --dport 8443 -m comment --comment "!fw3: web" -j DNAT --to-destination 192.168.1.10:443
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A FORWARD -o eth0.2 -p tcp -m tcp --tcp-flags SYN,RST SYN -m comment --comment "!fw3: Zone wan MTU fixing" -j TCPMSS --clamp-mss-to-pmtu
-A FORWARD -i eth0.2 -p tcp -m tcp --tcp-flags SYN,RST SYN -m comment --comment "!fw3: Zone wan MTU fixing" -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:forwarding_rule - [0:0]
:reject - [0:0]
:syn_flood - [0:0]
:zone_wan_dest_ACCEPT - [0:0]
:zone_wan_input - [0:0]
:zone_wan_src_REJECT - [0:0]
-A INPUT -i lo -m comment --comment "!fw3" -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "!fw3" -j ACCEPT
-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m comment --comment "!fw3" -j syn_flood
-A INPUT -i eth0.2 -m comment --comment "!fw3" -j zone_wan_input
-A FORWARD -m comment --comment "!fw3: Custom forwarding rule chain" -j forwarding_rule
-A FORWARD -m comment --comment "!fw3" -j reject
-A reject -p tcp -m comment --comment "!fw3" -j REJECT --reject-with tcp-reset
-A reject -m comment --comment "!fw3" -j REJECT --reject-with icmp-port-unreachable
-A syn_flood -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m limit --limit 25/sec --limit-burst 50 -m comment --comment "!fw3" -j RETURN
-A syn_flood -m comment --comment "!fw3" -j DROP
-A zone_wan_dest_ACCEPT -o eth0.2 -m conntrack --ctstate INVALID -m comment --comment "!fw3: Prevent NAT leakage" -j DROP
-A zone_wan_dest_ACCEPT -o eth0.2 -m comment --comment "!fw3" -j ACCEPT
-A zone_wan_input -p udp -m udp --dport 68 -m comment --comment "!fw3: Allow-DHCP-Renew" -j ACCEPT
-A zone_wan_input -p icmp -m icmp --icmp-type 8 -m comment --comment "!fw3: Allow-Ping" -j ACCEPT
-A zone_wan_input -p igmp -m comment --comment "!fw3: Allow-IGMP" -j ACCEPT
-A zone_wan_input -m conntrack --ctstate DNAT -m comment --comment "!fw3: Accept port redirections" -j ACCEPT
-A zone_wan_src_REJECT -i eth0.2 -m comment --comment "!fw3" -j reject
COMMIT
EOF
iptables -t mangle -N mwan3_hook
iptables -t mangle -A mwan3_hook -m mark --mark 0x0/0x3f00 -j CONNMARK --restore-mark --nfmask 0x3f00 --ctmask 0x3f00
iptables -t mangle -A mwan3_hook -j CONNMARK --save-mark --nfmask 0x3f00 --ctmask 0x3f00
iptables -t mangle -A mwan3_hook -m mark --mark 0x0/0x3f00 -m statistic --mode random --probability .40000000009 -m comment --comment "wan 2 5" -j MARK --set-xmark 0x100/0x3f00
iptables -t mangle -A mwan3_hook -m mark ! --mark 0x3f00/0x3f00 -j MARK --set-mark 0x3f00/0x3f00

# ufw
iptables-restore -n <<EOF
*filter
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
:ufw-user-limit - [0:0]
:ufw-user-limit-accept - [0:0]
:ufw-logging-deny - [0:0]
:ufw-not-local - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -p icmp --icmp-type destination-unreachable -j ACCEPT
-A ufw-before-input -p icmp --icmp-type parameter-problem -j ACCEPT
-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT
-A ufw-logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min --limit-burst 10 -j RETURN
-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
### tuple ### limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set
-A ufw-user-input -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit
-A ufw-user-input -p tcp --dport 22 -j ufw-user-limit-accept
-A ufw-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT -m comment --comment 'dapp_Nginx%20Full'
-A ufw-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "
-A ufw-user-limit -j REJECT
-A ufw-user-limit-accept -j ACCEPT
COMMIT
EOF
iptables -I INPUT 1 -j ufw-before-input
iptables -A INPUT -j ufw-user-input

# firewalld's direct rules and ipset zones
ipset create blocklist hash:net
iptables -w10 -t filter -A INPUT -m set --match-set blocklist src -j DROP
iptables -w10 -t filter -I INPUT_direct 1 -p vrrp -j ACCEPT
iptables -w10 -t filter -N INPUT_direct
iptables -w10 -t filter -I INPUT_direct 1 -p vrrp -j ACCEPT
iptables -w10 -t filter -I INPUT_direct 2 -d 224.0.0.18 -p 112 -j ACCEPT
iptables -w10 -t filter -A INPUT_direct -p tcp -m multiport --dports ssh -m set --match-set blocklist src -j REJECT --reject-with icmp-port-unreachable
iptables -w10 -t nat -A POSTROUTING -o eth0 -m mark --mark 0x64 -j MASQUERADE
iptables -w10 -t raw -I PREROUTING -m rpfilter --invert -j DROP
iptables -w10 -t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 0x64

# shorewall's output
iptables-restore <<EOF
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p 17 --dport 10080 -j CT --helper amanda
-A PREROUTING -p 6  --dport 21    -j CT --helper ftp
-A PREROUTING -p 17 --dport 69 -j CT --helper tftp
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:tcfor - [0:0]
:tcpre - [0:0]
-A PREROUTING -j tcpre
-A FORWARD -j MARK --set-mark 0/0xff
-A FORWARD -j tcfor
-A tcpre -p 6 -m multiport --dports 22,443 -j TOS --set-tos 0x10
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
:@net2fw - [0:0]
:Broadcast - [0:0]
:Drop - [0:0]
:dynamic - [0:0]
:logdrop - [0:0]
:net-fw - [0:0]
:net_frwd - [0:0]
:reject - [0:0]
:sfilter - [0:0]
:smurfs - [0:0]
:smurflog - [0:0]
:tcpflags - [0:0]
:logflags - [0:0]
:~log0 - [0:0]
-A INPUT -i eth0 -j net-fw
-A INPUT -m addrtype --dst-type ANYCAST -j DROP
-A INPUT -j LOG --log-level 6 --log-prefix "Shorewall:INPUT:REJECT:"
-A INPUT -g reject
-A Broadcast -m addrtype --dst-type BROADCAST,ANYCAST -j DROP
-A Broadcast -d 224.0.0.0/4 -j DROP
-A Drop -p 6 --dport 113 -j REJECT
-A Drop -p 17 -m multiport --dports 135,445 -j DROP
-A Drop -p 17 --dport 1024:65535 --sport 137 -j DROP
-A Drop -p 1 --icmp-type 3/4 -j ACCEPT
-A logflags -j LOG --log-level 6 --log-ip-options --log-prefix "Shorewall:logflags:DROP:"
-A logflags -j DROP
-A net-fw -m conntrack --ctstate INVALID,NEW,UNTRACKED -j dynamic
-A net-fw -m conntrack --ctstate INVALID,NEW,UNTRACKED -j smurfs
-A net-fw -p tcp -j tcpflags
-A net-fw -p 6 --dport 22 -m conntrack --ctstate NEW -m hashlimit --hashlimit-upto 3/min --hashlimit-burst 3 --hashlimit-name sshlim --hashlimit-mode srcip -j ACCEPT
-A net-fw -p 6 --dport 25 -m connlimit ! --connlimit-above 5 --connlimit-mask 24 -j ACCEPT
-A net-fw -g @net2fw
-A @net2fw -m time --timestart 09:00 --timestop 17:30 --weekdays Mon,Tue,Wed,Thu,Fri --kerneltz -j ACCEPT
-A reject -m addrtype --src-type BROADCAST -j DROP
-A reject -s 224.0.0.0/4 -j DROP
-A reject -p 2 -j DROP
-A reject -p 6 -j REJECT --reject-with tcp-reset
-A reject -p 17 -j REJECT
-A reject -p 1 -j REJECT --reject-with icmp-host-unreachable
-A reject -j REJECT --reject-with icmp-host-prohibited
-A smurfs -s 0.0.0.0 -j RETURN
-A smurfs -m addrtype --src-type BROADCAST -g smurflog
-A smurflog -j LOG --log-level info --log-prefix "Shorewall:smurfs:DROP:"
-A tcpflags -p tcp --tcp-flags ALL FIN,URG,PSH -g logflags
-A tcpflags -p tcp --tcp-flags ALL NONE -g logflags
-A tcpflags -p tcp --tcp-flags SYN,RST SYN,RST -g logflags
-A tcpflags -p tcp --syn --sport 0 -g logflags
-A ~log0 -j NFLOG --nflog-group 1 --nflog-prefix "Shorewall:net" --nflog-threshold 20
COMMIT
EOF
iptables -A dynamic -s 192.0.2.7 -j DROP
iptables -D dynamic -s 192.0.2.7 -j DROP
iptables -D dynamic -s 192.0.2.7 -j DROP
iptables -D dynamic -s 192.0.2.7 -j reject
iptables -L dynamic -n
iptables -Z
iptables -nvL net-fw --line-numbers
